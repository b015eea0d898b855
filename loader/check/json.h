/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON report of --check (--json), schema 1. */
#ifndef MMA_CHECK_JSON_H
#define MMA_CHECK_JSON_H

struct checks;

/* Returns 0 or a fault. */
int check_print_json(const struct checks *checks);

#endif
