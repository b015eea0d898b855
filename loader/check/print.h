/* SPDX-License-Identifier: GPL-2.0-only */
/* --check for people and for programs. */
#ifndef MMA_CHECK_PRINT_H
#define MMA_CHECK_PRINT_H

struct checks;

void check_print_text(const struct checks *checks);
int check_print_json(const struct checks *checks); /* 0 or a fault */

#endif
