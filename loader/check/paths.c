// SPDX-License-Identifier: GPL-2.0-only
/* --check: why a connection gets no second path. One line per cause, with the first address and
 * namespace that has it, and the command that fixes it; only the line "paths" if all is well. */
#include "check/parts.h"
#include "check/published.h"
#include "check/ways.h"
#include "host/netstat.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mptcp.h>
#include <stdio.h>
#include <string.h>

#define REMEDY 400
/* The kernel's listener gets the server's port with this bit flipped. The server's own port
 * must stay free: if it were taken on one address, the server could not listen on all of them. */
#define KERNELS_PORT 0x4000U

/* "network namespace 4711: ", or "" if there is only one. */
struct where {
	char text[48];
};

static struct where where_is(const struct ways *ways)
{
	struct where ret = { "" };

	if (ways->cookie)
		snprintf(ret.text, sizeof(ret.text), "network namespace %" PRIu64 ": ",
			 ways->cookie);
	return ret;
}

static bool is_said(const struct checks *checks, const char *name)
{
	for (size_t i = 0; i < checks->n; i++)
		if (!strcmp(checks->list[i].name, name))
			return true;
	return false;
}

static unsigned int count_endpoints(const struct ways *ways, uint32_t flag)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ways->endpoints.n; i++)
		n += !!(ways->endpoints.list[i].flags & flag);
	return n;
}

/* An interface counts once, by its first usable address. */
static bool is_first_of_interface(const struct ways *ways, const struct own_address *own)
{
	for (const struct own_address *o = ways->own.list; o != own; o++)
		if (way_is_usable(o) && o->ifindex == own->ifindex)
			return false;
	return way_is_usable(own);
}

static const struct own_address *home(const struct ways *ways, const struct endpoint *e)
{
	return own_address_find(&ways->own, &e->address);
}

static bool has_endpoint(const struct ways *ways, unsigned int ifindex)
{
	for (size_t i = 0; i < ways->endpoints.n; i++) {
		const struct own_address *own = home(ways, &ways->endpoints.list[i]);

		if (own && own->ifindex == ifindex)
			return true;
	}
	return false;
}

/* The interface through which packets leave; if there is no way out, the first usable one. */
static bool is_main(const struct ways *ways, const struct own_address *own)
{
	unsigned int first = ways->first[0] ? ways->first[0] : ways->first[1];

	for (size_t i = 0; !first && i < ways->own.n; i++)
		if (way_is_usable(&ways->own.list[i]))
			first = ways->own.list[i].ifindex;
	return own->ifindex == first;
}

/* The address of an interface that could be a path of its own, but is no endpoint. uplink: only
 * of an interface that leads to the Internet; the host's bridges do not. */
static const struct own_address *idle(const struct ways *ways, bool uplink)
{
	struct route route;

	for (size_t i = 0; i < ways->own.n; i++) {
		const struct own_address *own = &ways->own.list[i];

		if (is_first_of_interface(ways, own) && !is_main(ways, own) &&
		    !has_endpoint(ways, own->ifindex) &&
		    (!uplink || !route_default(own->ifindex, own->address.ipv6, &route)))
			return own;
	}
	return NULL;
}

static int count_interfaces(const struct ways *ways)
{
	int n = 0;

	for (size_t i = 0; i < ways->own.n; i++)
		n += is_first_of_interface(ways, &ways->own.list[i]);
	return n;
}

static void put_endpoint_remedy(const struct own_address *own, char ret_remedy[REMEDY])
{
	char host[ADDRESS_TEXT];

	snprintf(ret_remedy, REMEDY, "announce it: ip mptcp endpoint add %s dev %s signal",
		 address_host(&own->address, host), own->interface);
}

static void check_limits(struct checks *checks, const struct ways *ways)
{
	static const char name[] = "paths";
	const struct own_address *own = idle(ways, false);
	struct where at = where_is(ways);
	int n = count_interfaces(ways);
	char remedy[REMEDY];

	if (ways->manager_err) {
		check_warn(checks, name, "see ip mptcp limits", "%sthe limits cannot be read (%s)",
			   at.text, strerror(-ways->manager_err));
	} else if (!ways->manager.in_user_space && !ways->manager.subflows) {
		check_warn(checks, name, "ip mptcp limits set subflows 2",
			   "%sno additional path is allowed: a connection has one", at.text);
	} else if (!ways->manager.in_user_space && n > 1 && !ways->endpoints.n && own) {
		put_endpoint_remedy(own, remedy);
		check_warn(
			checks, name, remedy,
			"%s%d interfaces have addresses, and none is an endpoint: paths come from peers only",
			at.text, n);
	}
}

static void check_endpoint(struct checks *checks, const struct ways *ways)
{
	const struct own_address *own = ways->endpoints.n ? idle(ways, true) : NULL;
	char host[ADDRESS_TEXT], remedy[REMEDY];

	if (!own)
		return;
	put_endpoint_remedy(own, remedy);
	check_warn(checks, "path_endpoint", remedy,
		   "%s%s on %s could be a path, but is no endpoint: peers do not learn of it",
		   where_is(ways).text, address_host(&own->address, host), own->interface);
}

/* An announced address need not be the host's own: in a container it is the address that the
 * host translates to the container's. */
static void check_address(struct checks *checks, const struct ways *ways, const struct endpoint *e)
{
	const struct own_address *own = home(ways, e);
	char host[ADDRESS_TEXT], remedy[REMEDY];

	address_host(&e->address, host);
	if (own && !own->up) {
		snprintf(remedy, sizeof(remedy), "ip link set %s up", own->interface);
		check_warn(checks, "path_address", remedy,
			   "%s%s is an endpoint, but its interface %s is down", where_is(ways).text,
			   host, own->interface);
	} else if (!own && (e->flags & MPTCP_PM_ADDR_FLAG_SUBFLOW)) {
		snprintf(remedy, sizeof(remedy), "ip mptcp endpoint delete id %u", e->id);
		check_warn(checks, "path_address", remedy,
			   "%s%s is an endpoint for new paths, but no interface has this address",
			   where_is(ways).text, host);
	}
}

static void check_listener(struct checks *checks, const struct ways *ways, const struct endpoint *e)
{
	uint16_t port = e->address.port ? 0 : way_is_deaf(ways, &e->address);
	const struct own_address *own = home(ways, e);
	char host[ADDRESS_TEXT], remedy[REMEDY];

	if (!port || !own || !(e->flags & MPTCP_PM_ADDR_FLAG_SIGNAL))
		return;
	address_host(&e->address, host);
	if (e->address.ipv6 && !ways_have_ipv6(ways)) {
		check_warn(
			checks, "path_family",
			"let the server listen by IPv6, too; for Postfix: postconf -e inet_protocols=all",
			"%s%s is announced, but the server listens by IPv4 alone: there is no IPv6 path to it",
			where_is(ways).text, host);
		return;
	}
	snprintf(
		remedy, sizeof(remedy),
		"let the server listen there, too; or let the kernel do it, for further paths alone, on a port that the firewall has to let in: "
		"ip mptcp endpoint delete id %u && ip mptcp endpoint add %s dev %s signal port %u",
		e->id, host, own->interface, port ^ KERNELS_PORT);
	check_warn(checks, "path_listener", remedy,
		   "%s%s is announced, but nothing listens there on port %u: a path to it is reset",
		   where_is(ways).text, host, port);
}

/* Whether packets from the address leave by another interface than its own, or by none. */
static bool strays(const struct ways *ways, const struct own_address *own)
{
	struct route route;

	if (!ways->first[own->address.ipv6])
		return false; /* no route out at all */
	return way_out(&own->address, &route) || route.ifindex != own->ifindex;
}

/* Writes the remedy: a rule with a routing table of its own for the interface. */
static void add_rule(const struct own_address *own, char ret_remedy[REMEDY])
{
	const char *ip = own->address.ipv6 ? "ip -6" : "ip";
	unsigned int table = 1000 + own->ifindex;
	char host[ADDRESS_TEXT], gateway[ADDRESS_TEXT];
	struct route route;
	bool known = !route_default(own->ifindex, own->address.ipv6, &route);

	address_host(&route.gateway, gateway);
	snprintf(ret_remedy, REMEDY,
		 "%s%s rule add from %s table %u && %s route add default%s%s dev %s table %u",
		 known ? "" : "with the gateway of that uplink: ", ip,
		 address_host(&own->address, host), table, ip,
		 !known || route.has_gateway ? " via " : "",
		 !known		     ? "GATEWAY"
		 : route.has_gateway ? gateway
				     : "",
		 own->interface, table);
}

static void check_route(struct checks *checks, const struct ways *ways,
			const struct own_address *own)
{
	char host[ADDRESS_TEXT], remedy[REMEDY];

	if (!strays(ways, own))
		return;
	add_rule(own, remedy);
	check_warn(checks, "path_route", remedy,
		   "%spackets from %s do not leave by its own interface, %s", where_is(ways).text,
		   address_host(&own->address, host), own->interface);
}

static long long rp_filter(const char *interface)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", interface);
	return sysctl_number(path);
}

/* The larger of the two values applies; 1 is strict. */
static void check_rp_filter(struct checks *checks, const struct ways *ways,
			    const struct own_address *own)
{
	long long all = rp_filter("all"), its = rp_filter(own->interface);
	char host[ADDRESS_TEXT], remedy[REMEDY];

	if (own->address.ipv6 || (all > its ? all : its) != 1 || !strays(ways, own))
		return;
	snprintf(remedy, sizeof(remedy), "sysctl -w net/ipv4/conf/%s/rp_filter=2", own->interface);
	check_warn(
		checks, "path_rp_filter", remedy,
		"%spackets to %s that come in by %s are dropped (rp_filter), because replies would leave by another interface",
		where_is(ways).text, address_host(&own->address, host), own->interface);
}

static void check_initial(struct checks *checks, const struct ways *ways)
{
	if (!ways->join_initial && !count_endpoints(ways, MPTCP_PM_ADDR_FLAG_SIGNAL))
		check_warn(
			checks, "path_initial",
			"sysctl -w net.mptcp.allow_join_initial_addr_port=1",
			"%sclients are told not to add paths to the address that they know, and no other address is announced",
			where_is(ways).text);
}

/* Announcements by servers matter only to services that connect. */
static void check_accept(struct checks *checks, const struct ways *ways)
{
	bool connects = false;

	for (size_t i = 0; i < MMA_MAX_PORTS && !connects; i++)
		connects = ways->ports.roles[i] & MMA_ROLE_CONNECT;
	if (connects && ways->manager.subflows && !ways->manager.add_addr_accepted &&
	    !count_endpoints(ways, MPTCP_PM_ADDR_FLAG_SUBFLOW))
		check_warn(
			checks, "path_accept", "ip mptcp limits set add_addr_accepted 2",
			"%soutgoing connections add no path: there is no subflow endpoint, and addresses that a server announces are not accepted",
			where_is(ways).text);
}

typedef void own_check(struct checks *checks, const struct ways *ways,
		       const struct own_address *own);

static void each_own(struct checks *checks, const struct ways *ways, own_check *check,
		     const char *name)
{
	const struct own_address *own;

	for (size_t i = 0; i < ways->endpoints.n && !is_said(checks, name); i++) {
		own = home(ways, &ways->endpoints.list[i]);
		if (own && way_is_usable(own))
			check(checks, ways, own);
	}
	own = idle(ways, true);
	if (own && !is_said(checks, name))
		check(checks, ways, own);
}

typedef void endpoint_check(struct checks *checks, const struct ways *ways,
			    const struct endpoint *e);

static void check_endpoints(struct checks *checks, const struct ways *ways, endpoint_check *check,
			    const char *name)
{
	for (size_t i = 0; i < ways->endpoints.n && !is_said(checks, name); i++)
		check(checks, ways, &ways->endpoints.list[i]);
}

struct judgement {
	struct checks *checks;
	bool any; /* a namespace was looked at; `manager` is the first one's, for the "ok" line */
	struct path_manager manager;
	struct published published;
};

static void judge(const struct ways *ways, void *data)
{
	struct judgement *judgement = data;
	struct checks *checks = judgement->checks;

	if (!judgement->any)
		judgement->manager = ways->manager;
	judgement->any = true;
	if (!is_said(checks, "paths"))
		check_limits(checks, ways);
	if (ways->manager_err || ways->manager.in_user_space)
		return;
	if (!is_said(checks, "path_endpoint"))
		check_endpoint(checks, ways);
	check_endpoints(checks, ways, check_address, "path_address");
	check_endpoints(checks, ways, check_listener, "path_listener");
	each_own(checks, ways, check_route, "path_route");
	each_own(checks, ways, check_rp_filter, "path_rp_filter");
	if (!is_said(checks, "path_initial"))
		check_initial(checks, ways);
	if (!is_said(checks, "path_accept"))
		check_accept(checks, ways);
	published_add(&judgement->published, ways);
}

void check_paths(struct checks *checks, const struct check_subject *subject)
{
	struct judgement judgement = { .checks = checks };
	const struct path_manager *manager = &judgement.manager;

	ways_each(checks, subject, judge, &judgement);
	published_check(checks, &judgement.published);
	if (is_said(checks, "paths") || !judgement.any)
		return;
	if (manager->in_user_space)
		check_ok(checks, "paths", "left to a path manager in user space");
	else
		check_ok(checks, "paths",
			 "up to %u more for each connection; %u endpoints, %u announced",
			 manager->subflows, manager->endpoints, manager->signal);
}
