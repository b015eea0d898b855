/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups of the v2 hierarchy: the PATH of the command line, keys and ids. */
#ifndef MMA_CGROUP_H
#define MMA_CGROUP_H

#include "abi.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup {
	/* Key of `paths`, zero-padded: the path from the hierarchy's root, or
	 * "id:N" where that cannot be known (cgroup namespace). */
	struct mma_path_key key;
	char dir[PATH_MAX]; /* the same in the file system */
	bool by_id;
};

/* What the key of a cgroup begins with that is attached by its id alone: it is not
 * followed, and goes with its cgroup. Everything else that says so follows from this. */
#define CGROUP_BY_ID "id:"
bool cgroup_key_is_id(const struct mma_path_key *key);

/*
 * Reads PATH or "self" of the command line. The cgroup need not exist yet,
 * unless it can be attached by id alone. Returns 0 or a fault (usage where the
 * contract refuses the path).
 */
int cgroup_resolve(const char *arg, struct cgroup *ret);

/*
 * The cgroup that a key of `paths` names: 0 or a fault. ret_there: false where it
 * cannot be seen: an id is gone, or the cgroup2 mount does not show the path; ret
 * has its key all the same. That it is there says nothing of a path's directory.
 */
int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there);

/* The id of the cgroup now, 0 where there is none: 0 or -errno. */
int cgroup_id(const char *dir, uint64_t *ret_id);

/* The same: 0 or a fault. */
int cgroup_find_id(const char *dir, uint64_t *ret_id);

/* Level below the root: 1 for "/system.slice". By id: unknown, all levels. */
uint64_t cgroup_level_bit(const struct mma_path_key *key);

/* Makes a key that of the cgroup above; false where that is the root, or unknown. */
bool cgroup_parent(struct mma_path_key *key);

/* Path from the root of the cgroup that has this id, in ret_path. ret_there: false
 * where it is gone. 0 or a fault. */
int cgroup_path_of_id(uint64_t id, char *ret_path, size_t size, bool *ret_there);

#endif
