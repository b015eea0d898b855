/* SPDX-License-Identifier: GPL-2.0-only */
/* The human-readable report of --audit. */
#ifndef MMA_AUDIT_TEXT_H
#define MMA_AUDIT_TEXT_H

struct audit_report;

/* Returns 0 or a fault. */
int audit_print_text(const struct audit_report *report, const char *path);

#endif
