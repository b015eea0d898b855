/* SPDX-License-Identifier: GPL-2.0-only */
/* The attached services: the maps `paths`, `cgroups`, `departed`, `stats`, and the levels in
 * `meta`. */
#ifndef MMA_SERVICES_H
#define MMA_SERVICES_H

#include "host/cgroup.h"
#include "attached/pins.h"

/* The slots in use: found once per run, which holds the lock, not once per path. Initialise it
 * to { 0 }. */
struct slots {
	bool known;
	bool used[MMA_MAX_SERVICES];
};

/* Attaches a cgroup: level, path, id, in this order, because each step needs the one before.
 * follow must be attached before. ret_new: it was not attached yet. A cgroup that does not
 * exist yet is no fault. */
int service_attach(const struct maps *maps, const struct cgroup *cgroup, struct slots *slots,
		   bool *ret_new);

/* Detaches it: the path, then the ids, which stay in `departed` for strip, then the levels.
 * ret_was_attached: whether it was attached at all. Returns 0 or a fault. */
int service_detach(const struct maps *maps, const struct cgroup *cgroup, bool *ret_was_attached);

/* Removes what follow missed while it was not attached: ids of removed cgroups, and paths
 * attached by id whose cgroup is gone. */
int services_sweep(const struct maps *maps);

/* Only the paths attached by id: what containers leave behind. Costs nothing if no cgroup is
 * attached by id. */
int services_sweep_by_id(const struct maps *maps);

/* Calls each() for every attached path; stops at a non-zero result and returns it. Negative:
 * not all paths could be read. */
typedef int service_fn(const struct mma_path_key *key, const struct mma_path *path, void *data);
int services_each(const struct maps *maps, service_fn *each, void *data);

int services_count(const struct maps *maps, size_t *ret_n);

/* The nearest attached ancestor of this path; false if there is none. */
bool service_cover(const struct maps *maps, const struct mma_path_key *key,
		   struct mma_path_key *ret_cover);

/* The counters of a slot. */
int service_stats(const struct maps *maps, __u32 slot, struct mma_stats *ret);

#endif
