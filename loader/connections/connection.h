/* SPDX-License-Identifier: GPL-2.0-only */
/* A live connection of an attached service, and where it was found. */
#ifndef MMA_CONNECTIONS_CONNECTION_H
#define MMA_CONNECTIONS_CONNECTION_H

#include "abi.h"
#include "host/address.h"
#include "host/path_manager.h"
#include "host/sockets.h"

enum connection_kind {
	CONNECTION_MPTCP,
	CONNECTION_FELL_BACK, /* the service's socket is MPTCP, the connection is TCP */
	CONNECTION_TCP, /* an MPTCP listener of the service accepted it as TCP */
};

struct connection_path {
	struct socket_seen socket;
	char interface[IF_NAMESIZE]; /* bound to it, or it has the local address; or "" */
	size_t place; /* index in struct connections */
};

struct why {
	const char *code; /* part of the --json contract; NULL: nothing to explain */
	char text[200];
};

struct connection {
	enum connection_kind kind;
	uint8_t role; /* enum mma_role: LISTEN or CONNECT */
	uint16_t port; /* the server's */
	bool off_list; /* the allowlist does not allow this port in this role */
	size_t service, place; /* indices in struct connections */
	struct socket_seen socket; /* the service's own socket */
	char interface[IF_NAMESIZE]; /* of a TCP connection, as for a path */
	const struct connection_path *paths; /* points into struct connections */
	size_t n_paths, n_open; /* n_open: those that are not just being tried */
	struct why why; /* why it has only one path or is TCP, if known */
};

/* A network namespace of the services. */
struct place {
	uint64_t cookie;
	int manager_err; /* 0, or why endpoints and limits are unknown */
	struct path_manager manager;
	struct endpoints endpoints;
	struct own_addresses own;
	/* Paths that peers tried to add, and those that came up: since boot, over all
	 * connections of the namespace. -1: not counted. */
	long long joins_tried, joins_made;
	long long table_full; /* connections that stayed TCP because the kernel's table was full */
	long long close_timeout; /* seconds that a connection without paths lasts; -1: unknown */
};

struct connections_service {
	struct mma_path_key path;
	size_t n; /* number of connections */
};

struct listening {
	size_t place;
	struct address address;
	bool mptcp;
};

struct connections {
	bool attached; /* anything is attached */
	struct connections_service *services;
	size_t n_services;
	struct place *places;
	size_t n_places;
	struct listening *listening; /* of the services */
	size_t n_listening;
	struct connection *list; /* sorted by service, port, role, peer */
	size_t n;
	struct connection_path *paths; /* sorted by place and token; first subflows first */
	size_t n_paths;
};

/* Whether one of the services listens there; only_mptcp: with MPTCP. */
bool connections_listen_at(const struct connections *connections, size_t place,
			   const struct address *address, bool only_mptcp);

#endif
