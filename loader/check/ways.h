/* SPDX-License-Identifier: GPL-2.0-only */
/* What decides about further paths in a network namespace, as --check looks at it. */
#ifndef MMA_CHECK_WAYS_H
#define MMA_CHECK_WAYS_H

#include "check/parts.h"
#include "host/address.h"
#include "host/listeners.h"
#include "host/path_manager.h"
#include "host/route.h"
#include "ports.h"

struct ways {
	uint64_t cookie; /* 0: there is only one namespace to tell of */
	int manager_err; /* 0, or why nothing is known of limits and endpoints */
	struct path_manager manager;
	struct endpoints endpoints;
	struct own_addresses own;
	struct listeners listeners; /* of the service, or of all that are attached */
	struct port_list ports; /* the allowlist, or where nothing is attached the default */
	long long join_initial; /* net.mptcp.allow_join_initial_addr_port; -1: not there */
	/* The interfaces by which packets to far away leave, by family; 0: none. */
	unsigned int first[2];
};

/* Reads it all for each namespace of the subject, and calls each() in it. */
typedef void ways_fn(const struct ways *ways, void *data);
void ways_each(struct checks *checks, const struct check_subject *subject, ways_fn *each,
	       void *data);

/* A global address on an interface that is up. */
bool way_is_usable(const struct own_address *own);

/* The way from this address to far away: 0 or -errno. */
int way_out(const struct address *from, struct route *ret);

/* The same for what comes in by an interface, with a mark. */
int way_forwarded(const struct address *from, unsigned int in, uint32_t mark, struct route *ret);

/* A port on the list on which the listeners have an address, but not this one; 0: none. Of
 * those on loopback alone nobody expects it. */
uint16_t way_is_deaf(const struct ways *ways, const struct address *address);

/* Whether one of the listeners on the list has IPv6. */
bool ways_have_ipv6(const struct ways *ways);

#endif
