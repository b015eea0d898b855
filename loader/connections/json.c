// SPDX-License-Identifier: GPL-2.0-only
#include "connections/json.h"
#include "connections/reading.h"
#include "json_text.h"
#include "report.h"
#include "version.h"

#include <errno.h>
#include <jansson.h>
#include <linux/mptcp.h>
#include <stdio.h>

#define SCHEMA 1

static json_t *address_json(const struct address *address)
{
	char host[ADDRESS_TEXT];

	return json_pack("{s:s, s:i}", "addr", address_host(address, host), "port",
			 (int)address->port);
}

static const char *state_name(uint8_t state)
{
	switch (state) {
	case SOCKET_ESTABLISHED:
		return "established";
	case SOCKET_SYN_SENT:
	case SOCKET_SYN_RECV:
		return "opening";
	default:
		return "closing";
	}
}

static json_t *path_json(const struct socket_seen *path, const char *interface)
{
	return json_pack(
		"{s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:b, s:b, s:i}", "local",
		address_json(&path->local), "remote", address_json(&path->remote), "interface",
		interface[0] ? json_text(interface) : json_null(), "state", state_name(path->state),
		"bytes_in", (json_int_t)path->bytes_in, "bytes_out", (json_int_t)path->bytes_out,
		"rtt_us", (json_int_t)path->rtt_us, "backup",
		(path->flags & (MPTCP_SUBFLOW_FLAG_BKUP_LOC | MPTCP_SUBFLOW_FLAG_BKUP_REM)) != 0,
		"stalled", path->retransmits > 1, "retransmits", (int)path->retransmits);
}

static json_t *paths_json(const struct connection *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_paths; i++)
		json_array_append_new(list, path_json(&c->paths[i].socket, c->paths[i].interface));
	if (c->kind == CONNECTION_TCP)
		json_array_append_new(list, path_json(&c->socket, c->interface));
	return list;
}

static const char *kind_name(enum connection_kind kind)
{
	if (kind == CONNECTION_TCP)
		return "tcp";
	return kind == CONNECTION_MPTCP ? "mptcp" : "fell_back";
}

static json_t *connection_json(const struct connections *all, const struct connection *c)
{

	return json_pack(
		"{s:o, s:I, s:i, s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:o}", "service",
		json_text(all->services[c->service].path.path), "netns",
		(json_int_t)all->places[c->place].cookie, "port", (int)c->port, "role",
		c->role == MMA_ROLE_LISTEN ? "listen" : "connect", "peer",
		address_json(&c->socket.remote), "result", kind_name(c->kind), "state",
		state_name(c->socket.state), "bytes_in", (json_int_t)c->socket.bytes_in,
		"bytes_out", (json_int_t)c->socket.bytes_out, "paths", paths_json(c), "why",
		c->why.code ? json_pack("{s:s, s:s}", "code", c->why.code, "text", c->why.text)
			    : json_null());
}

/* Prints one connection at a time: 10 000 as one tree would take 40 MB. */
int connections_print_json(const struct connections *connections, bool one_line)
{
	const char *between = one_line ? "" : "\n";
	bool failed = false;

	printf("{\"schema\": %d, \"version\": \"%s\", \"connections\": [", SCHEMA, MMA_VERSION);
	for (size_t i = 0; i < connections->n && !failed; i++) {
		json_t *one = connection_json(connections, &connections->list[i]);

		printf("%s%s", i ? "," : "", between);
		failed = !one || json_dumpf(one, stdout, JSON_COMPACT);
		json_decref(one);
	}
	printf("%s]}\n", connections->n ? between : "");
	return failed ? fault(EIO, "--json: cannot be written") : 0;
}
