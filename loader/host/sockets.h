/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP and MPTCP sockets of the current network namespace, by sock_diag(7). */
#ifndef MMA_SOCKETS_H
#define MMA_SOCKETS_H

#include "host/address.h"
#include <stdbool.h>
#include <stdint.h>

/* Socket states (include/net/tcp_states.h). */
enum socket_state {
	SOCKET_ESTABLISHED = 1,
	SOCKET_SYN_SENT = 2,
	SOCKET_SYN_RECV = 3,
	SOCKET_FIN_WAIT1 = 4,
	SOCKET_FIN_WAIT2 = 5,
	SOCKET_CLOSE_WAIT = 8,
	SOCKET_LAST_ACK = 9,
	SOCKET_LISTEN = 10,
	SOCKET_CLOSING = 11,
};

#define SOCKET_STATE(state) (1U << (state))

/* One socket. What the kernel does not report is 0. */
struct socket_seen {
	struct address local, remote;
	uint64_t cgroup; /* id of the cgroup that created it */
	uint64_t bytes_in, bytes_out; /* without retransmissions */
	uint32_t inode; /* 0: no process has it */
	uint32_t ifindex; /* the interface it is bound to, or 0 */
	uint32_t token; /* of the MPTCP connection */
	uint32_t flags; /* MPTCP_SUBFLOW_FLAG_…; for an MPTCP socket, MPTCP_INFO_FLAG_… */
	uint32_t rtt_us; /* TCP only */
	uint8_t state; /* enum socket_state */
	bool mptcp; /* an MPTCP socket, or a TCP socket that belongs to one */
	uint8_t retransmits; /* TCP only: timeouts since the last acknowledgement */
	/* MPTCP sockets only: paths beyond the first, and their limit; own addresses announced;
	 * the peer's addresses accepted, and their limit; paths tried from own endpoints. */
	uint8_t extra, extra_max, announced, accepted, accepted_max, tried;
};

/* Calls each() for every socket in one of the states; stops at the first -errno that each()
 * returns, and returns it. mptcp: the MPTCP sockets, else all TCP sockets. -errno: cannot be
 * listed; -ENOENT if the kernel cannot list MPTCP sockets (no mptcp_diag). */
typedef int socket_fn(const struct socket_seen *socket, void *data);
int sockets_each(bool mptcp, uint32_t states, socket_fn *each, void *data);

#endif
