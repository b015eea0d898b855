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

/* The way to an address: 0 or -errno. */
int route_to(const struct address *to, struct route *ret);

/* The way on of a packet between these that comes in by this interface, with this mark
 * (0: none; an interface of 0: a packet of this host): 0 or -errno. */
int route_forwarded(const struct address *from, const struct address *to, unsigned int in,
		    uint32_t mark, struct route *ret);

/* The marks by which rules choose a table (ip rule, fwmark), at most n: how many there are,
 * or -errno. */
int route_marks(bool ipv6, uint32_t *ret, size_t n);

/* The first default route by this interface, of all tables: 0, -ENOENT, or -errno. */
int route_default(unsigned int ifindex, bool ipv6, struct route *ret);

#endif
