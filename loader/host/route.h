/* SPDX-License-Identifier: GPL-2.0-only */
/* Which way packets leave in the current network namespace. Only reads. */
#ifndef MMA_ROUTE_H
#define MMA_ROUTE_H

#include "host/address.h"

struct route {
	unsigned int ifindex;
	bool has_gateway;
	struct address gateway;
};

/* The route of a packet from one of our addresses to another host. Returns 0 or -errno
 * (-ENETUNREACH if there is none). */
int route_from(const struct address *from, const struct address *to, struct route *ret);

/* The route to an address. Returns 0 or -errno. */
int route_to(const struct address *to, struct route *ret);

/* The route of a packet between these addresses that comes in by this interface, with this mark
 * (0: none). in 0: a packet of this host. Returns 0 or -errno. */
int route_forwarded(const struct address *from, const struct address *to, unsigned int in,
		    uint32_t mark, struct route *ret);

/* The marks by which rules choose a table (ip rule, fwmark), at most n. Returns their number or
 * -errno. */
int route_marks(bool ipv6, uint32_t *ret, size_t n);

/* The first default route by this interface, in any table. Returns 0, -ENOENT or -errno. */
int route_default(unsigned int ifindex, bool ipv6, struct route *ret);

#endif
