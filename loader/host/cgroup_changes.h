/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups that are being created or removed at this moment, by mkdir(2) or rmdir(2). */
#ifndef MMA_CGROUP_CHANGES_H
#define MMA_CGROUP_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

/* Waits until every mkdir(2) and rmdir(2) of a cgroup in progress has ended, tracepoint included.
 * dir: a directory below cgroup2's mount, which need not exist. */
void cgroup_wait_for_changes(const char *dir);

/* Whether a cgroup exists, or is being created. Returns 0 or a fault. */
int cgroup_exists(uint64_t id, bool *ret_there);

#endif
