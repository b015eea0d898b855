/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON report of --status (--json), schema 1 (docs/status.schema.json). */
#ifndef MMA_STATUS_JSON_H
#define MMA_STATUS_JSON_H

struct status;

/* Returns 0 or a fault. */
int status_print_json(const struct status *status);

#endif
