/* SPDX-License-Identifier: GPL-2.0-only */
/* What decides about additional paths in a network namespace, as --check sees it. */
#ifndef MMA_CHECK_WAYS_H
#define MMA_CHECK_WAYS_H

#include "check/parts.h"
#include "host/address.h"
#include "host/listeners.h"
#include "host/path_manager.h"
#include "host/route.h"
#include "ports.h"

struct ways {
	uint64_t cookie; /* 0: only one namespace, so it is not named */
	int manager_err; /* 0, or why limits and endpoints are unknown */
	struct path_manager manager;
	struct endpoints endpoints;
	struct own_addresses own;
	struct listeners listeners; /* of the service, or of all that are attached */
	struct port_list ports; /* the allowlist, or the default one if nothing is attached */
	long long join_initial; /* net.mptcp.allow_join_initial_addr_port; -1: not available */
	/* The interfaces by which packets to the Internet leave, by family; 0: none. */
	unsigned int first[2];
};

/* Reads all this for each namespace of the subject, and calls each() inside it. */
typedef void ways_fn(const struct ways *ways, void *data);
void ways_each(struct checks *checks, const struct check_subject *subject, ways_fn *each,
	       void *data);

/* A global address on an interface that is up. */
bool way_is_usable(const struct own_address *own);

/* The route from this address to the Internet. Returns 0 or -errno. */
int way_out(const struct address *from, struct route *ret);

/* The same for packets that come in by an interface, with a mark. */
int way_forwarded(const struct address *from, unsigned int in, uint32_t mark, struct route *ret);

/* A port on the allowlist that has listeners, but none that accepts at this address; 0: none.
 * Listeners on loopback alone do not count. */
uint16_t way_is_deaf(const struct ways *ways, const struct address *address);

/* Whether a listener on an allowed port has IPv6. */
bool ways_have_ipv6(const struct ways *ways);

#endif
