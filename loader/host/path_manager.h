/* SPDX-License-Identifier: GPL-2.0-only */
/* MPTCP's path manager in the current network namespace, and what else decides about additional
 * paths. Reads by netlink; changes only what --signal asks for. */
#ifndef MMA_PATH_MANAGER_H
#define MMA_PATH_MANAGER_H

#include "host/address.h"
#include <stdbool.h>
#include <stdint.h>

struct path_manager {
	bool in_user_space; /* net.mptcp.pm_type; the rest is the kernel's path manager */
	uint32_t subflows; /* limit of additional paths per connection */
	uint32_t add_addr_accepted; /* of those, to addresses that the peer announces */
	unsigned int endpoints;
	unsigned int signal; /* endpoints announced to peers */
	unsigned int subflow; /* endpoints from which paths are created */
};

/* Returns 0 or -errno: -ENOENT if the kernel has no MPTCP. */
int path_manager_read(struct path_manager *ret);

struct endpoint {
	struct address address; /* port 0: the connection's port */
	uint8_t id;
	uint32_t flags; /* MPTCP_PM_ADDR_FLAG_… */
};

struct endpoints {
	struct endpoint *list;
	size_t n;
};

/* Reads the endpoints. Returns 0 or -errno. Initialise ret to { 0 }; the caller frees it with
 * endpoints_free(). */
int endpoints_read(struct endpoints *ret);
void endpoints_free(struct endpoints *endpoints);
/* Announces this address to the peers of each connection, as "ip mptcp endpoint add ADDRESS
 * signal" does. Returns 0, also if it is announced already, or -errno. */
int path_manager_signal(int family, const void *address);

/* The number of outgoing IPsec policies: strip sees their packets encapsulated, not as TCP. -errno
 * if reading them is not allowed. */
int ipsec_policies_out(void);

#endif
