/* SPDX-License-Identifier: GPL-2.0-only */
/* The human-readable report of --status. */
#ifndef MMA_STATUS_TEXT_H
#define MMA_STATUS_TEXT_H

struct status;

void status_print_text(const struct status *status);

#endif
