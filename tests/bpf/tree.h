/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups that a test makes, all below one of its own, "/mma-test-<pid>". */
#ifndef MMA_TREE_H
#define MMA_TREE_H

#include <limits.h>
#include <stdint.h>

struct tree {
	char mount[PATH_MAX]; /* of the hierarchy */
	char top[64]; /* the test's own: path from the root */
};

/* In the cgroup2 hierarchy; skips the test where it is not mounted. */
void tree_begin(struct tree *ret);

/* Removes the test's own cgroups, whatever is left of them. */
void tree_end(const struct tree *tree);

/* mkdir and rmdir of a path from the root; the first returns the id. */
uint64_t tree_make(const struct tree *tree, const char *path);
void tree_remove(const struct tree *tree, const char *path);

/* Moves this process, for the sockets that it makes. NULL: back. */
void tree_enter(const struct tree *tree, const char *path);

#endif
