/* SPDX-License-Identifier: GPL-2.0-only */
/* The listening sockets of a cgroup, by sock_diag(7): what the kernel has now. */
#ifndef MMA_LISTENERS_H
#define MMA_LISTENERS_H

#include "host/cgroup_tree.h"
#include "host/netns.h"
#include "host/socket_owner.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct listener {
	char addr[INET6_ADDRSTRLEN];
	uint16_t port; /* host order */
	bool ipv6;
	bool mptcp;
	uint64_t netns; /* its namespace's cookie; of the first one with that address */
	uint64_t cgroup; /* the id of its cgroup */
	uint32_t inode; /* as in /proc/PID/fd; of the first one with SO_REUSEPORT */
	enum socket_right right; /* filled in by those who ask for it */
};

struct listeners {
	struct listener *list;
	size_t n;
};

/* Adds the TCP and MPTCP listeners of the tree's cgroups in these namespaces,
 * each address once. Works without the mptcp_diag module. 0 or a fault; the
 * caller frees ret with listeners_free(), start from { 0 }. */
int listeners_read(const struct netns_set *namespaces, const struct cgroup_tree *tree,
		   struct listeners *ret);
/*
 * The same for many trees: all listeners of these namespaces once, and of these, for
 * each tree, its own. 0 or a fault.
 */
int listeners_read_all(const struct netns_set *namespaces, struct listeners *ret);
int listeners_of(const struct listeners *all, const struct cgroup_tree *tree,
		 struct listeners *ret);
void listeners_free(struct listeners *listeners);

/* "0.0.0.0:25" or "[::]:25". */
#define LISTENER_TEXT (INET6_ADDRSTRLEN + 9)
const char *listener_text(const struct listener *listener, char ret_text[LISTENER_TEXT]);

#endif
