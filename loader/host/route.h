/* SPDX-License-Identifier: GPL-2.0-only */
/* Which way packets leave, in the network namespace we are in: asked, changed never. */
#ifndef MMA_ROUTE_H
#define MMA_ROUTE_H

#include "host/address.h"

struct route {
	unsigned int ifindex;
	bool has_gateway;
	struct address gateway;
};

/* The way that a packet from this own address takes to that one: 0, or -errno
 * (-ENETUNREACH where there is none). */
int route_from(const struct address *from, const struct address *to, struct route *ret);

/* The first default route by this interface, of all tables: 0, -ENOENT, or -errno. */
int route_default(unsigned int ifindex, bool ipv6, struct route *ret);

#endif
