/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces: which ones a cgroup's processes are in, and entering one. */
#ifndef MMA_NETNS_H
#define MMA_NETNS_H

#include "host/cgroup_tree.h"
#include <stddef.h>
#include <stdint.h>

struct netns {
	int fd;
	uint64_t cookie; /* net->net_cookie: never reused until reboot */
};

/* Namespaces without duplicates. Initialise it to { 0 }. */
struct netns_set {
	struct netns *list;
	size_t n;
};

/* Each adds what is not in the set yet. Returns 0 or a fault. A process that has ended is no
 * fault. */
int netns_add_own(struct netns_set *set);
int netns_add_path(struct netns_set *set, const char *path);
int netns_add_processes(struct netns_set *set, const struct cgroup_tree *tree);
void netns_free(struct netns_set *set);

/* Calls in_it() inside the namespace and comes back. Returns its result or a fault. If it
 * cannot come back, it reports that and ends the process: in the wrong namespace no step may
 * run, not even to undo others. */
typedef int netns_fn(const struct netns *netns, void *data);
int netns_run(const struct netns *netns, netns_fn *in_it, void *data);

/* Whether net.mptcp.enabled is on: 1, 0, or -errno. Call it inside the namespace. */
int netns_mptcp_enabled(void);

/* A netns_fn: sets the bool to whether any interface but lo is up. */
int netns_connected(const struct netns *netns, void *ret_connected);

#endif
