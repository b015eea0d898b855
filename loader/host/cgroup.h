/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups of the v2 hierarchy: keys and ids. What the command line names: cgroup_path.h. */
#ifndef MMA_CGROUP_H
#define MMA_CGROUP_H

#include "abi.h"
#include "host/mounts.h"
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

/* The cgroup2 mount: 0, or a fault with the remedy. */
int cgroup_mount(struct mount *ret);

/* The part below the mount of a path from the hierarchy's root; NULL where the
 * mount does not show it. */
const char *cgroup_below(const struct mount *mount, const char *path);

/*
 * The cgroup that a key of `paths` names: 0 or a fault. ret_there: false where it
 * cannot be seen: an id is gone, or the cgroup2 mount does not show the path; ret
 * has its key all the same. That it is there says nothing of a path's directory.
 */
int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there);
/* The same for who asks for many, and has looked for the mount. */
int cgroup_of_key_on(const struct mount *mount, const struct mma_path_key *key, struct cgroup *ret,
		     bool *ret_there);

/* The path from the root of the cgroup that a process is in, by its file "cgroup" in
 * /proc (cgroups(7)); ret_found: false where it is in none of the v2 hierarchy. */
int cgroup_path_of_process(const char *proc_file, char *ret_path, size_t size, bool *ret_found);

/*
 * The cgroup that a process is in, to be attached by its id, for containers have
 * paths that never come back. proc_file: the process's "cgroup" in /proc. ret_path:
 * its path from the root. 0 or a fault.
 */
int cgroup_of_process(const char *proc_file, struct cgroup *ret, char *ret_path, size_t size);

/* Makes of a cgroup by its path one by its id, which goes with it: 0, or -errno where it
 * is not there. */
int cgroup_by_id(struct cgroup *cgroup);

/* The id of the cgroup now, 0 where there is none: 0 or -errno. */
int cgroup_id(const char *dir, uint64_t *ret_id);

/* The same: 0 or a fault. */
int cgroup_find_id(const char *dir, uint64_t *ret_id);

/* Level below the root: 1 for "/system.slice". By id: unknown, every level but the
 * root's. */
#define CGROUP_EVERY_LEVEL (~1ULL)
uint64_t cgroup_level_bit(const struct mma_path_key *key);

/* Makes a key that of the cgroup above; false where that is the root, or unknown. */
bool cgroup_parent(struct mma_path_key *key);

/* Path from the root of the cgroup that has this id, in ret_path. ret_there: false
 * where it is gone. 0 or a fault. */
int cgroup_path_of_id(uint64_t id, char *ret_path, size_t size, bool *ret_there);

#endif
