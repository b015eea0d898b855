/* SPDX-License-Identifier: GPL-2.0-only */
/* What every mode that changes something begins with. */
#ifndef MMA_SESSION_H
#define MMA_SESSION_H

#include "host/cgroup.h"
#include "host/netns.h"
#include "attached/pins.h"
#include "request.h"

/* Checks for root, takes the lock, and opens the pinned maps like maps_open(). Returns 0 or a
 * fault. ret_attached: whether anything is attached; the mode decides what it means if not. */
int session_begin(struct maps *ret, bool *ret_attached);

/* Resolves the cgroups of a request. The caller frees the array. */
int session_cgroups(const struct request *request, struct cgroup **ret);

/* Detaches removed containers; unpins the links of removed interfaces, namespaces and cgroups,
 * and what killed runs left. The run's own work is done, so a failure is only a note. */
void session_sweep(const struct maps *maps);
/* The same; then summarizes the final allowlist for upgrade. */
void session_tidy(const struct maps *maps);
/* Sweeps entries of removed cgroups. */
void session_tidy_services(const struct maps *maps);

/* For a mode with other work: puts strip back in place, and first, on every interface of each
 * covered namespace. A failure is only a note. */
void session_cover(const struct maps *maps);

/* Adds the namespaces of this cgroup's processes. */
int session_add_namespaces(const struct cgroup *cgroup, struct netns_set *set);

#endif
