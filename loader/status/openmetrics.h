/* SPDX-License-Identifier: GPL-2.0-only */
/* --status for Prometheus: --openmetrics (docs/metrics.md). */
#ifndef MMA_STATUS_OPENMETRICS_H
#define MMA_STATUS_OPENMETRICS_H

struct status;

void status_print_openmetrics(const struct status *status);

#endif
