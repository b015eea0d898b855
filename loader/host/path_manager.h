/* SPDX-License-Identifier: GPL-2.0-only */
/* MPTCP's path manager in the network namespace we are in, and what else decides
 * about more than one path: asked by netlink, changed never. */
#ifndef MMA_PATH_MANAGER_H
#define MMA_PATH_MANAGER_H

#include "host/address.h"
#include <stdbool.h>
#include <stdint.h>

struct path_manager {
	bool in_user_space; /* net.mptcp.pm_type: what follows is the kernel's own */
	uint32_t subflows; /* additional paths of a connection at most */
	uint32_t add_addr_accepted; /* of those, by addresses the peer announces */
	unsigned int endpoints;
	unsigned int signal; /* endpoints that are announced to peers */
	unsigned int subflow; /* endpoints from which paths are made */
};

/* 0 or -errno: -ENOENT where the kernel has no MPTCP. */
int path_manager_read(struct path_manager *ret);

struct endpoint {
	struct address address; /* port 0: that of the connection */
	uint8_t id;
	uint32_t flags; /* MPTCP_PM_ADDR_FLAG_… */
};

struct endpoints {
	struct endpoint *list;
	size_t n;
};

/* The endpoints themselves: 0 or -errno. The caller frees ret with
 * endpoints_free(), start from { 0 }. */
int endpoints_read(struct endpoints *ret);
void endpoints_free(struct endpoints *endpoints);

/* The number of outgoing IPsec policies: what they encapsulate is no TCP yet
 * where strip looks. -errno where that may not be asked. */
int ipsec_policies_out(void);

#endif
