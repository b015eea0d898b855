/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON report of --audit (--json), schema 1. */
#ifndef MMA_AUDIT_JSON_H
#define MMA_AUDIT_JSON_H

struct audit_report;

/* Returns 0 or a fault. */
int audit_print_json(const struct audit_report *report, const char *path);

#endif
