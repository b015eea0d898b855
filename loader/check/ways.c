// SPDX-License-Identifier: GPL-2.0-only
#include "check/ways.h"
#include "attached/services.h"
#include "host/netstat.h"
#include "report.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_INITIAL "/proc/sys/net/mptcp/allow_join_initial_addr_port"

bool way_is_usable(const struct own_address *own)
{
	return own->up && !own->loopback && !own->link_local;
}

/* An Internet address, a.root-servers.net; nothing is sent there. */
static struct address far_away(bool ipv6)
{
	struct in6_addr v6;
	struct in_addr v4;

	inet_pton(AF_INET, "198.41.0.4", &v4);
	inet_pton(AF_INET6, "2001:503:ba3e::2:30", &v6);
	return ipv6 ? address_of(AF_INET6, &v6, 0) : address_of(AF_INET, &v4, 0);
}

int way_out(const struct address *from, struct route *ret)
{
	struct address far = far_away(from->ipv6);

	return route_from(from, &far, ret);
}

int way_forwarded(const struct address *from, unsigned int in, uint32_t mark, struct route *ret)
{
	struct address far = far_away(from->ipv6);

	return route_forwarded(from, &far, in, mark, ret);
}

static struct address address_of_listener(const struct listener *l)
{
	unsigned char bytes[16] = { 0 };

	inet_pton(l->ipv6 ? AF_INET6 : AF_INET, l->addr, bytes);
	return address_of(l->ipv6 ? AF_INET6 : AF_INET, bytes, l->port);
}

static bool is_on_loopback(const struct address *address)
{
	static const unsigned char v6[16] = { [15] = 1 };

	return address->ipv6 ? !memcmp(address->bytes, v6, 16) : address->bytes[0] == 127;
}

static bool is_listed(const struct ways *ways, uint16_t port)
{
	return ways->ports.roles[port] & MMA_ROLE_LISTEN;
}

static bool accepts(const struct ways *ways, uint16_t port, const struct address *address)
{
	for (size_t i = 0; i < ways->listeners.n; i++) {
		const struct listener *l = &ways->listeners.list[i];
		struct address at = address_of_listener(l);

		if (l->port == port && (address_same(&at, address) ||
					(address_is_any(&at) && (l->ipv6 || !address->ipv6))))
			return true;
	}
	return false;
}

uint16_t way_is_deaf(const struct ways *ways, const struct address *address)
{
	for (size_t i = 0; i < ways->listeners.n; i++) {
		const struct listener *l = &ways->listeners.list[i];
		struct address at = address_of_listener(l);

		if (is_listed(ways, l->port) && !is_on_loopback(&at) &&
		    !accepts(ways, l->port, address))
			return l->port;
	}
	return 0;
}

bool ways_have_ipv6(const struct ways *ways)
{
	for (size_t i = 0; i < ways->listeners.n; i++)
		if (is_listed(ways, ways->listeners.list[i].port) && ways->listeners.list[i].ipv6)
			return true;
	return false;
}

struct gather {
	const struct check_subject *subject;
	struct netns_set here; /* the one namespace */
	struct ways *ways;
	ways_fn *each;
	void *data;
	bool only; /* there is no other namespace */
};

static int add_service_listeners(const struct mma_path_key *key, const struct mma_path *path,
				 void *data)
{
	struct gather *gather = data;
	struct cgroup_tree tree = { 0 };
	struct cgroup cgroup;
	bool there;

	(void)path;
	if (!cgroup_of_key(key, &cgroup, &there) && there && !cgroup_tree_read(cgroup.dir, &tree))
		listeners_read(&gather->here, &tree, &gather->ways->listeners);
	cgroup_tree_free(&tree);
	fault_drop(); /* judges only what is visible */
	return 0;
}

static void read_list(const struct maps *maps, struct port_list *ret)
{
	uint16_t port, *previous = NULL;
	uint8_t roles, all = 0;

	port = MMA_PORT_ALL;
	if (bpf_map_lookup_elem(maps->ports, &port, &all))
		all = 0;
	memset(ret->roles, all, sizeof(ret->roles));
	for (; !bpf_map_get_next_key(maps->ports, previous, &port); previous = &port)
		if (!bpf_map_lookup_elem(maps->ports, &port, &roles))
			ret->roles[port] = roles;
}

/* The allowlist, and the listeners: of the service on the command line, or of all attached
 * ones. */
static void read_services(struct gather *gather)
{
	const struct check_subject *subject = gather->subject;
	struct maps maps = MAPS_CLOSED;
	bool attached = false;

	if (!subject->root || maps_open(&maps, &attached))
		attached = false;
	if (attached)
		read_list(&maps, &gather->ways->ports);
	else
		gather->ways->ports = *ports_default();
	if (subject->there)
		listeners_read(&gather->here, &subject->tree, &gather->ways->listeners);
	else if (attached)
		services_each(&maps, add_service_listeners, gather);
	maps_close(&maps);
	fault_drop();
}

static int look_at_ways(const struct netns *netns, void *data)
{
	struct gather *gather = data;
	struct ways *ways = gather->ways;
	struct address any[2] = { { .ipv6 = false }, { .ipv6 = true } };
	struct route route;

	memset(ways, 0, sizeof(*ways));
	ways->cookie = netns && !gather->only ? netns->cookie : 0;
	ways->manager_err = path_manager_read(&ways->manager);
	if (!ways->manager_err)
		ways->manager_err = endpoints_read(&ways->endpoints);
	own_addresses_read(&ways->own);
	ways->join_initial = sysctl_number(JOIN_INITIAL);
	for (int i = 0; i < 2; i++)
		ways->first[i] = way_out(&any[i], &route) ? 0 : route.ifindex;
	if (netns)
		gather->here = (struct netns_set){ (struct netns *)netns, 1 };
	read_services(gather);
	gather->each(ways, gather->data);
	endpoints_free(&ways->endpoints);
	own_addresses_free(&ways->own);
	listeners_free(&ways->listeners);
	return 0;
}

void ways_each(struct checks *checks, const struct check_subject *subject, ways_fn *each,
	       void *data)
{
	const struct netns_set *namespaces = &subject->namespaces;
	struct gather gather = {
		.subject = subject,
		.ways = calloc(1, sizeof(*gather.ways)),
		.each = each,
		.data = data,
		.only = namespaces->n <= 1,
	};

	if (!gather.ways) {
		checks->no_memory = true;
		return;
	}
	if (!namespaces->n)
		look_at_ways(NULL, &gather);
	for (size_t i = 0; i < namespaces->n; i++)
		if (netns_run(&namespaces->list[i], look_at_ways, &gather))
			fault_drop(); /* check_network() has reported it */
	free(gather.ways);
}
