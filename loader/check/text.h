/* SPDX-License-Identifier: GPL-2.0-only */
/* The human-readable report of --check. */
#ifndef MMA_CHECK_TEXT_H
#define MMA_CHECK_TEXT_H

struct checks;

void check_print_text(const struct checks *checks);

#endif
