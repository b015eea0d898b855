/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups of the v2 hierarchy: their keys and ids. cgroup_path.h reads the command line's. */
#ifndef MMA_CGROUP_H
#define MMA_CGROUP_H

#include "abi.h"
#include "host/mounts.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup {
	/* Key of `paths`, zero-padded: the path from the hierarchy's root, or "id:N" if that
	 * cannot be known (in a cgroup namespace). */
	struct mma_path_key key;
	char dir[PATH_MAX]; /* the same in the file system */
	bool by_id;
};

/* Prefix of the key of a cgroup that is attached by id alone: follow does not apply to it, and it
 * is detached when the cgroup is removed. by_id and MMA_PATH_BY_ID are derived from the prefix. */
#define CGROUP_BY_ID "id:"
bool cgroup_key_is_id(const struct mma_path_key *key);

/* Finds the cgroup2 mount. Returns 0, or a fault with the remedy. */
int cgroup_mount(struct mount *ret);

/* The part of a path from the hierarchy's root that is below the mount; NULL if the mount does
 * not show the path. */
const char *cgroup_below(const struct mount *mount, const char *path);

/*
 * Finds the cgroup that a key of `paths` names. ret_there: false if it is not visible, because
 * the id is gone or the cgroup2 mount does not show the path; ret->key is set even then. For a
 * path, true does not mean that the directory exists. Returns 0 or a fault.
 */
int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there);
/* The same, for a caller that looks up many and has found the mount once. */
int cgroup_of_key_on(const struct mount *mount, const struct mma_path_key *key, struct cgroup *ret,
		     bool *ret_there);

/* Reads the path, from the root, of a process's cgroup. proc_file: the process's "cgroup" in /proc
 * (cgroups(7)). ret_found: false if the process is in no v2 cgroup. Returns 0 or a fault. */
int cgroup_path_of_process(const char *proc_file, char *ret_path, size_t size, bool *ret_found);

/*
 * Finds a process's cgroup, to attach it by id: a container's path never comes back. proc_file:
 * the process's "cgroup" in /proc. ret_path: the cgroup's path from the root. Returns 0 or a
 * fault.
 */
int cgroup_of_process(const char *proc_file, struct cgroup *ret, char *ret_path, size_t size);

/* Turns a cgroup by path into one by id, which is detached when the cgroup is removed. Returns 0
 * or -errno; -ENOENT if it does not exist. */
int cgroup_by_id(struct cgroup *cgroup);

/* The fault "cannot be read", with its remedy. */
int cgroup_unreadable(const char *dir, int err);

/* Opens a cgroup's directory. ret_fd: -1 if there is none; the caller closes it. ret_id: the
 * cgroup's id, else 0. Returns 0 or a fault. */
int cgroup_open(const char *dir, int *ret_fd, uint64_t *ret_id);

/* Reads the id of the cgroup in this directory; 0 if there is none. Returns 0 or -errno. */
int cgroup_id(const char *dir, uint64_t *ret_id);

/* The same; returns 0 or a fault. */
int cgroup_find_id(const char *dir, uint64_t *ret_id);

/* The bit of the cgroup's level below the root: bit 1 for "/system.slice". The level of a cgroup
 * by id is unknown: every bit but the root's. */
#define CGROUP_EVERY_LEVEL (~1ULL)
uint64_t cgroup_level_bit(const struct mma_path_key *key);

/* Turns a key into the parent cgroup's; false if that is the root, or unknown. */
bool cgroup_parent(struct mma_path_key *key);

/* Finds the path, below the mount, of the cgroup with this id. ret_there: false if it is gone.
 * Returns 0 or a fault. */
int cgroup_path_of_id(uint64_t id, char *ret_path, size_t size, bool *ret_there);

#endif
