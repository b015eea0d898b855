/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups created by a test, all below one of its own, "/mma-test-<pid>". */
#ifndef MMA_TREE_H
#define MMA_TREE_H

#include <limits.h>
#include <stdint.h>

struct tree {
	char mount[PATH_MAX]; /* of the hierarchy */
	char top[64]; /* the test's own: path from the root */
};

/* Works in the cgroup2 hierarchy; skips the test if that is not mounted. */
void tree_begin(struct tree *ret);

/* Removes the test's own cgroups, including those that are left. */
void tree_end(const struct tree *tree);

/* mkdir and rmdir of a path from the root; the first returns the id. */
uint64_t tree_make(const struct tree *tree, const char *path);
void tree_remove(const struct tree *tree, const char *path);

/* Moves this process, for sockets that it creates. NULL: back to where it was. */
void tree_enter(const struct tree *tree, const char *path);

#endif
