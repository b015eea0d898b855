/* SPDX-License-Identifier: GPL-2.0-only */
/* MPTCP sockets in the namespace and cgroup of the moment, and what each end
 * says of the connection. No call waits longer than a few seconds. */
#ifndef MMA_CONNECTION_H
#define MMA_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct connection {
	int client, server; /* sockets; -1: none */
};

/* An MPTCP listener; *port 0: any, and then which. */
int tcp_listen(const char *address, uint16_t *port);
int tcp_connect(const char *address, uint16_t port);
/* Sends the SYN, and does not wait for the answer. */
int tcp_begin_connect(const char *address, uint16_t port);
/* Waits until its SYN was sent again: how often it was. That nothing was answered
 * until then is a part of it. */
int tcp_await_retransmission(int fd);
/* Waits for the answer; the socket blocks then. */
void tcp_await_connected(int fd);
int tcp_accept(int listener);
void tcp_close(int fd);

/* connect and accept, from here to here. */
void connection_open(struct connection *ret, int listener, const char *address, uint16_t port);

/* Both ends say that it is MPTCP, or that it is not; and it carries data. */
void connection_check(const struct connection *c, bool mptcp);

void connection_close(struct connection *c);

#endif
