/* SPDX-License-Identifier: GPL-2.0-only */
/* What a cgroup contains now: its descendants and their processes. */
#ifndef MMA_CGROUP_TREE_H
#define MMA_CGROUP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A cgroup and all below it. */
struct cgroup_tree {
	uint64_t *ids;
	size_t n_ids;
	pid_t *pids; /* of their processes */
	size_t n_pids;
};

/* Reads the tree below dir; leaves out cgroups that go meanwhile. The caller frees it
 * with cgroup_tree_free(), even after a failure. */
int cgroup_tree_read(const char *dir, struct cgroup_tree *ret);
/* The same for a directory that is open, once; faults name it dir. */
int cgroup_tree_read_at(int dir_fd, const char *dir, struct cgroup_tree *ret);
void cgroup_tree_free(struct cgroup_tree *tree);
bool cgroup_tree_has(const struct cgroup_tree *tree, uint64_t id);

#endif
