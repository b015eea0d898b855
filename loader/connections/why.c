// SPDX-License-Identifier: GPL-2.0-only
#include "connections/why.h"

#include <linux/mptcp.h>
#include <stdio.h>

/* clang-format off */
#define why(ret_code, ...)                                              \
	({                                                               \
		struct why why_ = { .code = (ret_code) };                \
		snprintf(why_.text, sizeof(why_.text), __VA_ARGS__);     \
		why_;                                                    \
	})
/* clang-format on */

static unsigned int count_flagged(const struct place *place, uint32_t flag)
{
	unsigned int n = 0;

	for (size_t i = 0; i < place->endpoints.n; i++)
		n += !!(place->endpoints.list[i].flags & flag);
	return n;
}

/* An endpoint that is announced to the peer of this connection, but where nothing listens on
 * its port; NULL if there is none. For an endpoint with a port of its own, the kernel listens. */
static const struct endpoint *deaf(const struct connections *all, const struct connection *c)
{
	const struct place *place = &all->places[c->place];

	for (size_t i = 0; i < place->endpoints.n; i++) {
		const struct endpoint *e = &place->endpoints.list[i];
		struct address there = e->address;

		there.port = c->port;
		if ((e->flags & MPTCP_PM_ADDR_FLAG_SIGNAL) && !e->address.port &&
		    !connections_listen_at(all, c->place, &there, false))
			return e;
	}
	return NULL;
}

static struct why server(const struct connections *all, const struct connection *c)
{
	const struct place *place = &all->places[c->place];
	const struct endpoint *e = deaf(all, c);
	char host[ADDRESS_TEXT], announced[40];

	snprintf(announced, sizeof(announced), "%u other address%s", c->socket.announced,
		 c->socket.announced == 1 ? "" : "es");
	if (!count_flagged(place, MPTCP_PM_ADDR_FLAG_SIGNAL))
		return why("no_endpoint", "no other address of this host is announced: "
					  "ip mptcp endpoint add ADDRESS signal");
	if (!c->socket.announced)
		return why("not_announced", "no other address was announced to this peer");
	if (e)
		return why("no_listener",
			   "%s is announced, but nothing listens there on port %u: "
			   "a path to it is reset",
			   address_host(&e->address, host), c->port);
	if (!place->joins_tried)
		return why("peer_adds_none", "%s announced; the peer has not tried to add a path",
			   announced);
	if (place->joins_made >= 0 && place->joins_tried > place->joins_made)
		return why("join_failed",
			   "%s announced; of %lld paths that peers tried to add here, %lld failed",
			   announced, place->joins_tried, place->joins_tried - place->joins_made);
	return why("peer_adds_none", "%s announced; the peer has added no path", announced);
}

static struct why client(const struct connections *all, const struct connection *c)
{
	const struct place *place = &all->places[c->place];
	unsigned int own = count_flagged(place, MPTCP_PM_ADDR_FLAG_SUBFLOW);

	if (c->socket.tried || c->socket.accepted)
		return why("join_failed", "another path was tried: it was refused, or lost");
	if (own)
		return why("not_tried", "no other endpoint here reaches the server: "
					"it may be of the other IP version");
	if (!c->socket.accepted_max)
		return why("accepts_none",
			   "no endpoint here makes paths, and none is made to what the server "
			   "announces: ip mptcp limits set subflows 2 add_addr_accepted 2");
	return why("peer_announces_none", "the server has announced no other address");
}

static struct why one_path(const struct connections *all, const struct connection *c)
{
	const struct place *place = &all->places[c->place];

	if (place->manager_err)
		return why("unknown", "limits and endpoints cannot be read");
	if (place->manager.in_user_space)
		return why("user_space", "a path manager in user space decides");
	if (!c->socket.extra_max)
		return why("limit", "the limit is one path: ip mptcp limits set subflows 2");
	return c->role == MMA_ROLE_LISTEN ? server(all, c) : client(all, c);
}

struct why connection_why(const struct connections *all, const struct connection *c)
{
	const struct place *place = &all->places[c->place];

	if (c->kind != CONNECTION_MPTCP && c->off_list)
		return why("off_list", "port %u is not on the list", c->port);
	if (c->kind == CONNECTION_TCP && place->table_full > 0)
		return why(
			"not_asked",
			"the client did not ask for MPTCP, or something on the way removed it, "
			"or the kernel's table of MPTCP connections was full, as %lld times so far",
			place->table_full);
	if (c->kind == CONNECTION_TCP)
		return why("not_asked",
			   "the client did not ask for MPTCP, or something on the way removed it");
	if (c->kind == CONNECTION_FELL_BACK)
		return why("fell_back", "the peer, or something on the way, does not do MPTCP");
	if (!c->n_open && place->close_timeout < 0)
		return why("no_path", "its last path is gone");
	if (!c->n_open)
		return why("no_path",
			   "its last path is gone: it ends after %lld s without one "
			   "(net.mptcp.close_timeout)",
			   place->close_timeout);
	if (c->n_open == 1 && c->n_paths > 1)
		return why("opening", "another path is being tried");
	if (c->n_open == 1)
		return one_path(all, c);
	return (struct why){ 0 };
}
