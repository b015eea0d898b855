/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs of other projects share: their test for "TCP", which ignores flags. */
#ifndef PEER_H
#define PEER_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

static __always_inline bool is_tcp(int family, int type, int protocol)
{
	return (family == AF_INET || family == AF_INET6) && type == SOCK_STREAM &&
	       (!protocol || protocol == IPPROTO_TCP);
}

#endif
