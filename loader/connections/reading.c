// SPDX-License-Identifier: GPL-2.0-only
#include "connections/reading.h"
#include "attached/services.h"
#include "connections/members.h"
#include "connections/why.h"
#include "host/cgroup_tree.h"
#include "host/netns.h"
#include "host/netstat.h"
#include "ports.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/mptcp.h>
#include <stdlib.h>
#include <string.h>

#define OPEN                                                                 \
	(SOCKET_STATE(SOCKET_ESTABLISHED) | SOCKET_STATE(SOCKET_FIN_WAIT1) | \
	 SOCKET_STATE(SOCKET_FIN_WAIT2) | SOCKET_STATE(SOCKET_CLOSE_WAIT) |  \
	 SOCKET_STATE(SOCKET_LAST_ACK) | SOCKET_STATE(SOCKET_CLOSING))
#define OPENING (SOCKET_STATE(SOCKET_SYN_SENT) | SOCKET_STATE(SOCKET_SYN_RECV))

struct gather {
	const struct maps *maps;
	struct connections *ret;
	struct members members;
	struct netns_set namespaces;
	const struct cgroup *only; /* or NULL */
};

/* Makes room for one more; the array doubles at 1, 2, 4, … entries. */
static void *room_for_one(void *array, size_t n, size_t entry_size)
{
	return n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * entry_size);
}

static int add_connection(struct gather *gather, enum connection_kind kind,
			  const struct socket_seen *socket)
{
	struct connections *ret = gather->ret;
	struct connection *list = room_for_one(ret->list, ret->n, sizeof(*list));

	if (!list)
		return -ENOMEM;
	ret->list = list;
	list[ret->n] = (struct connection){
		.kind = kind,
		.service = members_find(&gather->members, socket->cgroup),
		.place = ret->n_places - 1,
		.socket = *socket,
	};
	ret->n++;
	return 0;
}

static int add_path(struct connections *ret, const struct socket_seen *socket)
{
	struct connection_path *list = room_for_one(ret->paths, ret->n_paths, sizeof(*list));

	if (!list)
		return -ENOMEM;
	ret->paths = list;
	list[ret->n_paths++] = (struct connection_path){
		.socket = *socket,
		.place = ret->n_places - 1,
	};
	return 0;
}

static int add_listening(struct connections *ret, const struct socket_seen *socket)
{
	struct listening *list = room_for_one(ret->listening, ret->n_listening, sizeof(*list));

	if (!list)
		return -ENOMEM;
	ret->listening = list;
	list[ret->n_listening++] = (struct listening){
		.place = ret->n_places - 1,
		.address = socket->local,
		.mptcp = socket->mptcp,
	};
	return 0;
}

static int each_tcp(const struct socket_seen *socket, void *data)
{
	struct gather *gather = data;

	/* A path to a listener of the kernel's own (an endpoint with a port) has the cgroup of
	 * whoever created the endpoint. The token tells which connection it belongs to. */
	if (socket->mptcp && (socket->flags & MPTCP_SUBFLOW_FLAG_JOIN_REM))
		return add_path(gather->ret, socket);
	if (members_find(&gather->members, socket->cgroup) == NO_MEMBER)
		return 0;
	if (socket->state == SOCKET_LISTEN)
		return add_listening(gather->ret, socket);
	if (socket->mptcp)
		return add_path(gather->ret, socket);
	if (socket->state != SOCKET_ESTABLISHED && socket->state != SOCKET_CLOSE_WAIT)
		return 0;
	return add_connection(gather, CONNECTION_TCP, socket);
}

static int each_mptcp(const struct socket_seen *socket, void *data)
{
	struct gather *gather = data;
	bool fell_back = socket->flags & MPTCP_INFO_FLAG_FALLBACK;

	if (members_find(&gather->members, socket->cgroup) == NO_MEMBER)
		return 0;
	return add_connection(gather, fell_back ? CONNECTION_FELL_BACK : CONNECTION_MPTCP, socket);
}

static void read_place(uint64_t cookie, struct place *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->cookie = cookie;
	ret->manager_err = path_manager_read(&ret->manager);
	if (!ret->manager_err)
		ret->manager_err = endpoints_read(&ret->endpoints);
	own_addresses_read(&ret->own); /* without them, interfaces have no names */
	ret->joins_tried = netstat_mptcp("MPJoinSynRx");
	ret->joins_made = netstat_mptcp("MPJoinAckRx");
	ret->table_full = netstat_mptcp(NETSTAT_TABLE_FULL);
	ret->close_timeout = sysctl_number("/proc/sys/net/mptcp/close_timeout");
}

static void name_interface(const struct place *place, const struct socket_seen *socket,
			   char ret_name[IF_NAMESIZE])
{
	const struct own_address *own;

	if (socket->ifindex && if_indextoname(socket->ifindex, ret_name))
		return;
	own = own_address_find(&place->own, &socket->local);
	memcpy(ret_name, own ? own->interface : "", own ? sizeof(own->interface) : 1);
}

/* Call it in the namespace. */
static void name_interfaces(struct connections *all, size_t first_path, size_t first)
{
	const struct place *place = &all->places[all->n_places - 1];

	for (size_t i = first_path; i < all->n_paths; i++)
		name_interface(place, &all->paths[i].socket, all->paths[i].interface);
	for (size_t i = first; i < all->n; i++)
		name_interface(place, &all->list[i].socket, all->list[i].interface);
}

static int read_here(const struct netns *netns, void *data)
{
	struct gather *gather = data;
	struct connections *ret = gather->ret;
	struct place *places = realloc(ret->places, (ret->n_places + 1) * sizeof(*places));
	size_t first_path = ret->n_paths, first = ret->n;
	int err;

	if (!places)
		return fault(ENOMEM, "connections: out of memory");
	ret->places = places;
	read_place(netns->cookie, &places[ret->n_places++]);
	err = sockets_each(false, OPEN | OPENING | SOCKET_STATE(SOCKET_LISTEN), each_tcp, gather);
	if (err)
		return fault(
			-err,
			"connections: TCP sockets cannot be listed (sock_diag: %s); load the modules inet_diag and tcp_diag",
			strerror(-err));
	err = sockets_each(true, OPEN, each_mptcp, gather);
	if (err)
		return fault(
			-err,
			"connections: MPTCP sockets cannot be listed (sock_diag: %s); load the modules inet_diag and mptcp_diag",
			strerror(-err));
	name_interfaces(ret, first_path, first);
	return 0;
}

static bool is_first(const struct connection_path *path)
{
	return !(path->socket.flags & (MPTCP_SUBFLOW_FLAG_JOIN_LOC | MPTCP_SUBFLOW_FLAG_JOIN_REM));
}

static int by_token(const void *a, const void *b)
{
	const struct connection_path *one = a, *other = b;
	int order;

	if (one->place != other->place)
		return one->place < other->place ? -1 : 1;
	if (one->socket.token != other->socket.token)
		return one->socket.token < other->socket.token ? -1 : 1;
	if (is_first(one) != is_first(other))
		return is_first(one) ? -1 : 1;
	order = address_compare(&one->socket.local, &other->socket.local);
	return order ? order : address_compare(&one->socket.remote, &other->socket.remote);
}

static bool belongs(const struct connection_path *path, const struct connection *connection)
{
	return path->place == connection->place && path->socket.token == connection->socket.token;
}

/* Index of the first sorted path that is not before the connection's. */
static size_t lower_bound(const struct connections *all, const struct connection *connection)
{
	size_t low = 0, high = all->n_paths;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct connection_path *path = &all->paths[middle];

		if (path->place < connection->place ||
		    (path->place == connection->place &&
		     path->socket.token < connection->socket.token))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void find_paths(const struct connections *all, struct connection *connection)
{
	size_t first = lower_bound(all, connection), last = first;

	while (last < all->n_paths && belongs(&all->paths[last], connection))
		last++;
	connection->paths = all->paths + first;
	connection->n_paths = last - first;
	for (size_t i = first; i < last; i++)
		connection->n_open += !(SOCKET_STATE(all->paths[i].socket.state) & OPENING);
}

/* The client's first subflow has MPTCP_SUBFLOW_FLAG_MCAP_LOC. If that subflow is gone, the
 * client is the side without a listener there. */
static bool is_client(const struct connections *all, const struct connection *connection)
{
	if (connection->n_paths && is_first(connection->paths))
		return connection->paths->socket.flags & MPTCP_SUBFLOW_FLAG_MCAP_LOC;
	return !connections_listen_at(all, connection->place, &connection->socket.local, false);
}

static bool allows(const struct maps *maps, uint16_t port, uint8_t role)
{
	uint16_t all = MMA_PORT_ALL;
	uint8_t roles = 0;

	if (bpf_map_lookup_elem(maps->ports, &port, &roles) &&
	    bpf_map_lookup_elem(maps->ports, &all, &roles))
		return false;
	return roles & role;
}

/* Drops the TCP sockets that were not accepted by an MPTCP listener. */
static void keep_ours(struct connections *all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct connection *c = &all->list[i];

		if (c->kind != CONNECTION_TCP ||
		    connections_listen_at(all, c->place, &c->socket.local, true))
			all->list[kept++] = *c;
	}
	all->n = kept;
}

static void finish(const struct maps *maps, struct connections *all, struct connection *c)
{
	if (c->kind != CONNECTION_TCP)
		find_paths(all, c);
	c->role =
		c->kind != CONNECTION_TCP && is_client(all, c) ? MMA_ROLE_CONNECT : MMA_ROLE_LISTEN;
	c->port = c->role == MMA_ROLE_LISTEN ? c->socket.local.port : c->socket.remote.port;
	c->off_list = !allows(maps, c->port, c->role);
	c->why = connection_why(all, c);
	all->services[c->service].n++;
}

static int by_service(const void *a, const void *b)
{
	const struct connection *one = a, *other = b;

	if (one->service != other->service)
		return one->service < other->service ? -1 : 1;
	if (one->port != other->port)
		return one->port < other->port ? -1 : 1;
	if (one->role != other->role)
		return one->role < other->role ? -1 : 1;
	return address_compare(&one->socket.remote, &other->socket.remote);
}

static void link_all(const struct maps *maps, struct connections *all)
{
	if (all->n_paths)
		qsort(all->paths, all->n_paths, sizeof(*all->paths), by_token);
	keep_ours(all);
	for (size_t i = 0; i < all->n; i++)
		finish(maps, all, &all->list[i]);
	if (all->n)
		qsort(all->list, all->n, sizeof(*all->list), by_service);
}

static int read_all(struct gather *gather)
{
	struct connections *ret = gather->ret;
	int err = netns_add_own(&gather->namespaces);

	if (!err)
		err = members_read(gather->maps, gather->only, &gather->members,
				   &gather->namespaces);
	ret->services = gather->members.services;
	ret->n_services = gather->members.n_services;
	for (size_t i = 0; !err && i < gather->namespaces.n; i++)
		err = netns_run(&gather->namespaces.list[i], read_here, gather);
	if (!err)
		link_all(gather->maps, ret);
	return err;
}

int connections_read(const struct cgroup *cgroup, struct connections *ret)
{
	struct maps maps = MAPS_CLOSED;
	struct gather gather = { .maps = &maps, .ret = ret, .only = cgroup };
	int err;

	memset(ret, 0, sizeof(*ret));
	err = maps_open(&maps, &ret->attached);
	if (!err && ret->attached) /* else nothing is attached: that is the answer */
		err = read_all(&gather);
	maps_close(&maps);
	members_free(&gather.members);
	netns_free(&gather.namespaces);
	return err;
}

void connections_free(struct connections *connections)
{
	for (size_t i = 0; i < connections->n_places; i++) {
		endpoints_free(&connections->places[i].endpoints);
		own_addresses_free(&connections->places[i].own);
	}
	free(connections->services);
	free(connections->places);
	free(connections->listening);
	free(connections->list);
	free(connections->paths);
	memset(connections, 0, sizeof(*connections));
}
