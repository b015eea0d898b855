/* SPDX-License-Identifier: GPL-2.0-only */
/* The attached services: the maps `paths`, `cgroups`, `departed`, `stats`, and
 * the levels in `meta`. */
#ifndef MMA_SERVICES_H
#define MMA_SERVICES_H

#include "host/cgroup.h"
#include "attached/pins.h"

/* The slots that paths have: found once in a run, which holds the lock, and not for
 * each path again. To start from { 0 }. */
struct slots {
	bool known;
	bool used[MMA_MAX_SERVICES];
};

/*
 * Attaches a cgroup, in the order in which no moment lacks what the next one
 * needs: level, path, id. follow must be attached before. ret_new: whether it
 * was not attached before. A cgroup that is not there yet is no fault.
 */
int service_attach(const struct maps *maps, const struct cgroup *cgroup, struct slots *slots,
		   bool *ret_new);

/* Detaches it: path, then ids, which stay in `departed` for strip, then levels.
 * ret_was_attached: whether it was attached at all. 0 or a fault. */
int service_detach(const struct maps *maps, const struct cgroup *cgroup, bool *ret_was_attached);

/* Takes out what follow has missed while it was not attached: ids of cgroups
 * that are gone, and paths attached by id with their cgroup. */
int services_sweep(const struct maps *maps);

/* The latter alone: what containers leave behind. Costs nothing where no cgroup is
 * attached by its id. */
int services_sweep_by_id(const struct maps *maps);

/* Calls each() for every attached path; stops at a non-zero result and returns
 * it. Negative: the paths could not all be read. */
typedef int service_fn(const struct mma_path_key *key, const struct mma_path *path, void *data);
int services_each(const struct maps *maps, service_fn *each, void *data);

int services_count(const struct maps *maps, size_t *ret_n);

/* The nearest attached path that covers this one and is not itself; false where
 * there is none. */
bool service_cover(const struct maps *maps, const struct mma_path_key *key,
		   struct mma_path_key *ret_cover);

/* Counters of a slot. */
int service_stats(const struct maps *maps, __u32 slot, struct mma_stats *ret);

#endif
