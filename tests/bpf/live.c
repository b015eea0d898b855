// SPDX-License-Identifier: GPL-2.0-only
/*
 * strip on real connections in this kernel: MPTCP sockets created as `upgrade` would
 * make them, and what both ends report about the connection. The complete table runs in
 * guests (tests/vm); this takes a second.
 */
#include "suite.h"
#include "connection.h"
#include "object.h"
#include "rig.h"

#include <bpf/bpf.h>
#include <string.h>

#define L MMA_ROLE_LISTEN
#define C MMA_ROLE_CONNECT
#define B MMA_ROLE_BOTH
#define NONE (-1) /* no entry */

/* The cgroup in which a socket is created. */
enum whose { NOBODY, SERVICE, CHILD };

static const struct row {
	const char *name;
	int port, all; /* the list's entries for the server's port, and for all */
	enum whose server, client;
	enum where client_at, server_at; /* HERE: over lo, unless the other is set */
	const char *listen, *connect; /* addresses; NULL: 127.0.0.1 */
	bool syncookies, departed;
	bool software; /* checksums, instead of the device's */
	bool decoy; /* the service listens HERE on the same port */
	bool mptcp; /* whether the connection is, at both ends */
	unsigned int syn, synack; /* the service's counters */
} rows[] = {
#define SERVER .server = SERVICE
#define CLIENT .client = SERVICE
#define ON(entry) .port = (entry), .all = NONE
#define OFF ON(NONE)
#define ALL(entry, everyone) .port = (entry), .all = (everyone)
#define FROM_PEER .client_at = PEER
	{ "server, off the list", OFF, SERVER, .synack = 1 },
	{ "server, on the list", ON(B), SERVER, .mptcp = true },
	{ "server, listen alone", ON(L), SERVER, .mptcp = true },
	{ "server, connect alone", ON(C), SERVER, .synack = 1 },
	{ "server, denied", ON(0), SERVER, .synack = 1 },
	{ "server, denied by value 16", ON(16), SERVER, .synack = 1 },
	{ "server, bits that mean nothing", ON(0x84 | L), SERVER, .mptcp = true },
	{ "client, off the list", OFF, CLIENT, .syn = 1 },
	{ "client, on the list", ON(B), CLIENT, .mptcp = true },
	{ "client, connect alone", ON(C), CLIENT, .mptcp = true },
	{ "client, listen alone", ON(L), CLIENT, .syn = 1 },
	{ "both, off the list", OFF, SERVER, CLIENT, .syn = 1 },
	{ "both, listen alone", ON(L), SERVER, CLIENT, .syn = 1 },
	{ "both, connect alone", ON(C), SERVER, CLIENT, .synack = 1 },
	{ "both, on the list", ON(B), SERVER, CLIENT, .mptcp = true },
	{ "neither, off the list", OFF, .mptcp = true },
	{ "neither, denied", ON(0), .mptcp = true },
	{ "neither, syncookies", OFF, .syncookies = true, .mptcp = true },

	{ "all ports", ALL(NONE, B), SERVER, CLIENT, .mptcp = true },
	{ "all ports, listen alone, server", ALL(NONE, L), SERVER, .mptcp = true },
	{ "all ports, listen alone, client", ALL(NONE, L), CLIENT, .syn = 1 },
	{ "all ports denied", ALL(NONE, 0), SERVER, .synack = 1 },
	{ "all ports, this one denied", ALL(0, B), SERVER, .synack = 1 },
	{ "all ports, this one narrowed", ALL(C, B), SERVER, .synack = 1 },
	{ "all ports denied, this one allowed", ALL(L, 0), SERVER, .mptcp = true },

	{ "server in a child of the cgroup", OFF, .server = CHILD, .synack = 1 },
	{ "client in a child of the cgroup", OFF, .client = CHILD, .syn = 1 },

	{ "IPv6, server", OFF, SERVER, .connect = "::1", .synack = 1 },
	{ "IPv6, client", OFF, CLIENT, .connect = "::1", .syn = 1 },
	{ "IPv6, on the list", ON(B), SERVER, CLIENT, .connect = "::1", .mptcp = true },
	{ "IPv4 client of a dual-stack server", OFF, SERVER, .listen = "::", .connect = "127.0.0.1",
	  .synack = 1 },
	{ "v4-mapped client", OFF, CLIENT, .listen = "0.0.0.0", .connect = "::ffff:127.0.0.1",
	  .syn = 1 },
	{ "v4-mapped, both ends", OFF, SERVER, .listen = "::", .connect = "::ffff:127.0.0.1",
	  .synack = 1 },
	{ "v4-mapped, on the list", ON(B), SERVER, CLIENT,
	  .listen = "::", .connect = "::ffff:127.0.0.1", .mptcp = true },
	{ "any address", OFF, SERVER, .listen = "0.0.0.0", .connect = "127.0.0.1", .synack = 1 },

	{ "another host, server", OFF, SERVER, FROM_PEER, .connect = HERE_IPV4, .synack = 1 },
	{ "another host, server, on the list", ON(L), SERVER, FROM_PEER, .connect = HERE_IPV4,
	  .mptcp = true },
	{ "another host, client", OFF, CLIENT, .server_at = PEER, .connect = PEER_IPV4, .syn = 1 },
	{ "another host, client, on the list", ON(C), CLIENT, .server_at = PEER,
	  .connect = PEER_IPV4, .mptcp = true },
	{ "another host, IPv6, server", OFF, SERVER, FROM_PEER, .connect = HERE_IPV6, .synack = 1 },
	{ "another host, IPv6, client", OFF, CLIENT, .server_at = PEER, .connect = PEER_IPV6,
	  .syn = 1 },
	{ "another host, checksums by software, server", OFF, SERVER, FROM_PEER, .software = true,
	  .connect = HERE_IPV4, .synack = 1 },
	{ "another host, checksums by software, client", OFF, CLIENT, .server_at = PEER,
	  .software = true, .connect = PEER_IPV6, .syn = 1 },
	{ "another host, a bystander", OFF, FROM_PEER, .connect = HERE_IPV4, .mptcp = true },

	{ "syncookies, off the list", OFF, SERVER, .syncookies = true, .synack = 1 },
	{ "syncookies, on the list", ON(L), SERVER, .syncookies = true, .mptcp = true },
	{ "syncookies, IPv6, off the list", OFF, SERVER, .syncookies = true, .connect = "::1",
	  .synack = 1 },
	{ "syncookies, v4-mapped, off the list", OFF, SERVER, .syncookies = true,
	  .listen = "::", .connect = "::ffff:127.0.0.1", .synack = 1 },
	{ "syncookies, any address, off the list", OFF, SERVER, .syncookies = true,
	  .listen = "::", .connect = "127.0.0.1", .synack = 1 },
	{ "syncookies, another host, off the list", OFF, SERVER, FROM_PEER, .syncookies = true,
	  .connect = HERE_IPV4, .synack = 1 },
	{ "syncookies, in a child of the cgroup", OFF, .server = CHILD, .syncookies = true,
	  .synack = 1 },
	{ "syncookies, another host, a bystander", OFF, FROM_PEER, .syncookies = true,
	  .connect = HERE_IPV4, .mptcp = true },

	{ "departed, server", OFF, SERVER, .departed = true, .synack = 1 },
	{ "departed, client", OFF, CLIENT, .departed = true, .syn = 1 },
	{ "departed, on the list", ON(B), SERVER, CLIENT, .departed = true, .mptcp = true },
	{ "departed, syncookies", OFF, SERVER, .departed = true, .syncookies = true, .synack = 1 },

	{ "forwarded, the same port in use here", OFF, FROM_PEER, .server_at = ROUTED,
	  .decoy = true, .connect = ROUTED_IPV4, .mptcp = true },
	{ "forwarded, syncookies", OFF, FROM_PEER, .server_at = ROUTED, .decoy = true,
	  .syncookies = true, .connect = ROUTED_IPV4, .mptcp = true },
};

static struct rig rig;
static enum { NEW, TRIED, READY } rig_is;

static void begin(void)
{
	if (rig_is == TRIED)
		skip_because("as the first one");
	if (rig_is == NEW) {
		rig_is = TRIED;
		rig_begin(&rig);
		rig_is = READY;
	}
	rig_reset(&rig);
}

static void go(enum where where, enum whose whose)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/a/service%s", rig.tree.top,
		 whose == CHILD ? "/child" : "");
	tree_enter(&rig.tree, whose == NOBODY ? NULL : path);
	rig_go(where);
}

static int listener(const struct row *row, const char *address, uint16_t *port)
{
	int fd;

	go(row->server_at, row->server);
	fd = tcp_listen(address, port);
	go(HERE, NOBODY);
	return fd;
}

static void connects(void **state)
{
	const struct row *row = *state;
	const char *connect_to = row->connect ? row->connect : "127.0.0.1";
	const struct mma_service_ref ref = { .slot = SERVICE_SLOT };
	struct connection c = { -1, -1 };
	uint16_t port = 0;
	int server, decoy = -1;

	begin();
	server = listener(row, row->listen ? row->listen : connect_to, &port);
	if (row->port != NONE)
		rig_allow(&rig, port, (uint8_t)row->port);
	if (row->all != NONE)
		rig_allow(&rig, MMA_PORT_ALL, (uint8_t)row->all);
	if (row->decoy) {
		go(HERE, SERVICE);
		decoy = tcp_listen("0.0.0.0", &port);
	}
	if (row->software)
		rig_offload("here", false);
	if (row->syncookies)
		rig_sysctl(row->server_at, "ipv4/tcp_syncookies", "2");
	if (row->departed) {
		map_clear(rig.cgroups, sizeof(uint64_t));
		assert_int_equal(bpf_map_update_elem(rig.departed, &rig.service, &ref, BPF_ANY), 0);
	}
	go(row->client_at, row->client);
	c.client = tcp_connect(connect_to, port);
	go(HERE, NOBODY);
	c.server = tcp_accept(server);
	connection_check(&c, row->mptcp);
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYN), row->syn);
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYNACK), row->synack);
	connection_close(&c);
	tcp_close(server);
	if (row->decoy)
		tcp_close(decoy);
}

/* One server whose list entry changes. */
static void live_edit(void **state)
{
	static const struct row plain = { .server = SERVICE };
	struct connection on = { -1, -1 }, off = { -1, -1 }, again = { -1, -1 };
	uint16_t port = 0;
	int server;

	(void)state;
	begin();
	server = listener(&plain, "127.0.0.1", &port);
	rig_allow(&rig, port, L);
	connection_open(&on, server, "127.0.0.1", port);
	connection_check(&on, true);
	rig_forget(&rig, port);
	connection_open(&off, server, "127.0.0.1", port);
	connection_check(&off, false);
	connection_check(&on, true); /* still MPTCP, and works */
	rig_allow(&rig, port, L);
	connection_open(&again, server, "127.0.0.1", port);
	connection_check(&again, true);
	connection_check(&off, false);
	connection_close(&on);
	connection_close(&off);
	connection_close(&again);
	tcp_close(server);
}

/* The nearest attached ancestor gets the counts. */
static void credit(void **state)
{
	static const struct row inner = { .server = CHILD };
	const struct mma_service_ref ref = { .slot = NESTED_SLOT };
	const uint32_t zero = 0;
	struct connection c = { -1, -1 };
	struct mma_meta meta;
	uint16_t port = 0;
	int server;

	(void)state;
	begin();
	assert_int_equal(bpf_map_update_elem(rig.cgroups, &rig.child, &ref, BPF_ANY), 0);
	server = listener(&inner, "127.0.0.1", &port);
	connection_open(&c, server, "127.0.0.1", port);
	connection_check(&c, false);
	connection_close(&c);
	/* Level 4 is not in use yet, as between two steps of an attach. */
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYNACK), 1);
	assert_int_equal(bpf_map_lookup_elem(rig.meta, &zero, &meta), 0);
	meta.strip_levels |= 1 << 4;
	assert_int_equal(bpf_map_update_elem(rig.meta, &zero, &meta, BPF_ANY), 0);
	connection_open(&c, server, "127.0.0.1", port);
	connection_check(&c, false);
	connection_close(&c);
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYNACK), 1);
	assert_int_equal(rig_count(&rig, NESTED_SLOT, MMA_STRIPPED_SYNACK), 1);
	tcp_close(server);
}

/* A packet that should be stripped but cannot be written is dropped, and TCP
 * retransmits it. The connection is TCP as soon as memory is available again. */
static void unwritable(void **state)
{
	const struct row *row = *state;
	struct connection c = { -1, -1 };
	uint16_t port = 0;
	int server;

	begin();
	server = listener(row, row->connect, &port);
	if (row->syncookies)
		rig_sysctl(row->server_at, "ipv4/tcp_syncookies", "2");
	rig_unwritable(true);
	go(row->client_at, row->client);
	c.client = tcp_begin_connect(row->connect, port);
	go(HERE, NOBODY);
	assert_true(tcp_await_retransmission(c.client) > 0);
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYN), 0);
	assert_int_equal(rig_count(&rig, SERVICE_SLOT, MMA_STRIPPED_SYNACK), 0);
	rig_unwritable(false);
	tcp_await_connected(c.client);
	c.server = tcp_accept(server);
	connection_check(&c, false);
	connection_close(&c);
	/* A packet that needs no write passes. */
	rig_unwritable(true);
	rig_allow(&rig, port, B);
	go(row->client_at, row->client);
	c.client = tcp_connect(row->connect, port);
	go(HERE, NOBODY);
	c.server = tcp_accept(server);
	rig_unwritable(false);
	connection_check(&c, true);
	connection_close(&c);
	tcp_close(server);
}

static const struct row unwritten[] = {
	{ "a SYN-ACK that cannot be written", SERVER, FROM_PEER, .connect = HERE_IPV4 },
	{ "a SYN-ACK that cannot be written, syncookies", SERVER, FROM_PEER, .connect = HERE_IPV4,
	  .syncookies = true },
	{ "a SYN that cannot be written", CLIENT, .server_at = PEER, .connect = PEER_IPV4 },
};

int main(void)
{
	static struct suite suite;
	int failed;

	add_table(&suite, connects, rows);
	add_table(&suite, unwritable, unwritten);
	add_test(&suite, "an edit counts from the next handshake on", live_edit, NULL);
	add_test(&suite, "nested: the nearest one is credited", credit, NULL);
	failed = run_suite("live", &suite);
	if (rig_is == READY)
		tree_enter(&rig.tree, NULL);
	rig_end(&rig);
	return failed;
}
