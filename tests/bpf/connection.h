/* SPDX-License-Identifier: GPL-2.0-only */
/* MPTCP sockets in the current namespace and cgroup, and what each end reports about
 * the connection. No call waits longer than a few seconds. */
#ifndef MMA_CONNECTION_H
#define MMA_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct connection {
	int client, server; /* sockets; -1: none */
};

/* An MPTCP listener. *port 0: any port, which is returned in *port. */
int tcp_listen(const char *address, uint16_t *port);
int tcp_connect(const char *address, uint16_t port);
/* Sends the SYN, without waiting for the answer. */
int tcp_begin_connect(const char *address, uint16_t port);
/* Waits until the SYN has been retransmitted; returns how often. Fails if it was
 * answered before that. */
int tcp_await_retransmission(int fd);
/* Waits for the answer; the socket is blocking from then on. */
void tcp_await_connected(int fd);
int tcp_accept(int listener);
void tcp_close(int fd);

/* connect and accept, both in the current namespace. */
void connection_open(struct connection *ret, int listener, const char *address, uint16_t port);

/* Checks that both ends say that it is MPTCP, or that it is not; and that it carries data. */
void connection_check(const struct connection *c, bool mptcp);

void connection_close(struct connection *c);

#endif
