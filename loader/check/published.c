// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port that DNAT publishes on two uplinks. Replies are routed before the translation is
 * undone, so a rule on the announced address does not match them: a connection must be marked
 * by the interface on which it came in. This check does not read whether nftables sets a mark;
 * a rule that routes a mark out of that uplink is taken as evidence.
 */
#include "check/published.h"
#include "host/route.h"

#include <linux/mptcp.h>
#include <stdio.h>

#define REMEDY 600
#define MARKS 32

void published_add(struct published *published, const struct ways *ways)
{
	for (size_t i = 0; i < ways->endpoints.n; i++) {
		const struct endpoint *e = &ways->endpoints.list[i];

		if (!(e->flags & MPTCP_PM_ADDR_FLAG_SIGNAL) ||
		    own_address_find(&ways->own, &e->address))
			continue;
		for (size_t k = 0; k < ways->own.n && published->n < PUBLISHED_MAX; k++) {
			const struct own_address *own = &ways->own.list[k];

			if (!way_is_usable(own) || own->address.ipv6 != e->address.ipv6)
				continue;
			published->list[published->n].announced = e->address;
			published->list[published->n++].container = own->address;
			break;
		}
	}
}

static bool leads_out(const struct own_address *uplink, const struct address *container,
		      unsigned int in)
{
	uint32_t marks[MARKS + 1] = { 0 }; /* the first: no mark */
	struct route route;
	int n = route_marks(container->ipv6, marks + 1, MARKS);

	if (n < 0)
		n = 0; /* unreadable: treated as none */
	for (int i = 0; i <= n; i++)
		if (!way_forwarded(container, in, marks[i], &route) &&
		    route.ifindex == uplink->ifindex)
			return true;
	return false;
}

static void put_remedy(const struct own_address *uplink, const char *bridge,
		       char ret_remedy[REMEDY])
{
	const char *ip = uplink->address.ipv6 ? "ip -6" : "ip";
	unsigned int mark = 1000 + uplink->ifindex;
	char gateway[ADDRESS_TEXT];
	struct route route;
	bool has =
		!route_default(uplink->ifindex, uplink->address.ipv6, &route) && route.has_gateway;

	address_host(&route.gateway, gateway);
	snprintf(ret_remedy, REMEDY,
		 "nft 'add table inet mptcp_paths; "
		 "add chain inet mptcp_paths in { type filter hook prerouting priority -150; }; "
		 "add rule inet mptcp_paths in iifname \"%s\" ct state new ct mark set %u; "
		 "add rule inet mptcp_paths in iifname \"%s\" ct mark %u meta mark set ct mark' && "
		 "%s rule add fwmark %u table %u && %s route add default%s%s dev %s table %u",
		 uplink->interface, mark, bridge, mark, ip, mark, mark, ip, has ? " via " : "",
		 has ? gateway : "", uplink->interface, mark);
}

void published_check(struct checks *checks, const struct published *published)
{
	struct own_addresses own = { 0 };
	char host[ADDRESS_TEXT], bridge[IF_NAMESIZE], remedy[REMEDY];
	const struct own_address *uplink;
	struct route route;

	if (!published->n || own_addresses_read(&own))
		return;
	for (size_t i = 0; i < published->n; i++) {
		const struct address *container = &published->list[i].container;

		uplink = own_address_find(&own, &published->list[i].announced);
		if (!uplink || route_default(uplink->ifindex, uplink->address.ipv6, &route) ||
		    route_to(container, &route) || !if_indextoname(route.ifindex, bridge) ||
		    leads_out(uplink, container, route.ifindex))
			continue;
		put_remedy(uplink, bridge, remedy);
		check_warn(
			checks, "path_published", remedy,
			"a container announces %s, but what it answers from there does not leave by %s, which has this address",
			address_host(&uplink->address, host), uplink->interface);
		break;
	}
	own_addresses_free(&own);
}
