/* SPDX-License-Identifier: GPL-2.0-only */
/* The listening sockets of a cgroup, as the kernel has them now (sock_diag(7)). */
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
	uint64_t netns; /* cookie of its namespace, the first one that has this address */
	uint64_t cgroup; /* id of its cgroup */
	uint32_t inode; /* as in /proc/PID/fd; with SO_REUSEPORT, the first socket's */
	enum socket_right right; /* set by callers that need it */
};

struct listeners {
	struct listener *list;
	size_t n;
};

/* Adds the TCP and MPTCP listeners of the tree's cgroups in these namespaces, each address once,
 * sorted by port. Works without the mptcp_diag module. Returns 0 or a fault. Initialise ret to
 * { 0 }; the caller frees it with listeners_free(). */
int listeners_read(const struct netns_set *namespaces, const struct cgroup_tree *tree,
		   struct listeners *ret);
/*
 * The same for many trees: listeners_read_all() reads all listeners of these namespaces once, and
 * listeners_of() picks those of a tree. Each returns 0 or a fault.
 */
int listeners_read_all(const struct netns_set *namespaces, struct listeners *ret);
int listeners_of(const struct listeners *all, const struct cgroup_tree *tree,
		 struct listeners *ret);
void listeners_free(struct listeners *listeners);

/* "0.0.0.0:25" or "[::]:25". */
#define LISTENER_TEXT (INET6_ADDRSTRLEN + 9)
const char *listener_text(const struct listener *listener, char ret_text[LISTENER_TEXT]);

#endif
