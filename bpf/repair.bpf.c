// SPDX-License-Identifier: GPL-2.0-only
/*
 * repair: answers the few socket options that work on TCP, fail on MPTCP, and
 * that mail servers use, where that is the truth:
 *
 *	get IP_OPTIONS		"no such option" in place of "not supported": what a
 *				server takes for "none", as is so
 *	get TCP_MAXSEG		that of the first subflow; Linux 6.18 does so itself
 *	set TCP_QUICKACK	accepted: a hint, about which the kernel is free
 *
 * Hooks: cgroup/getsockopt, behind the kernel, and cgroup/setsockopt, before it,
 * on each attached cgroup. Both run with the socket locked. Fails to the
 * kernel's own answer: on every socket but MPTCP's, on one that has fallen back
 * (there the kernel hands options on to TCP), and for every option that promises
 * something (TCP_USER_TIMEOUT, TCP_MD5SIG, TCP_ULP, ...).
 */
#include "kernel_types.h"
#include "tcp.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define SOL_IP 0
#define SOL_TCP IPPROTO_TCP
#define IP_OPTIONS 4
#define TCP_MAXSEG 2
#define TCP_QUICKACK 12
#define ENOPROTOOPT 92
#define EOPNOTSUPP 95

/* MPTCP_FALLBACK_DONE of net/mptcp/protocol.h, a bit of mptcp_sock.flags that no
 * type of the kernel tells: 2 in Linux 6.12 to 7.3, 4 in 6.1. */
#define FALLBACK_DONE (1 << 2)

char LICENSE[] SEC("license") = "GPL";

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

#define cast_to(type, object) \
	((struct type *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(struct type)))

/* The MPTCP socket; NULL: another one. */
static __always_inline struct mptcp_sock *mptcp_of(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return sk && sk->protocol == IPPROTO_MPTCP ? cast_to(mptcp_sock, sk) : NULL;
}

/* Options came with the SYN if at all: MPTCP cannot set them. */
static __always_inline bool has_ip_options(struct mptcp_sock *msk)
{
	struct sock *first = msk->first;

	return first && cast_to(inet_sock, first)->inet_opt;
}

static __always_inline void tell_maxseg(struct bpf_sockopt *ctx, struct mptcp_sock *msk)
{
	struct sock *first = msk->first;
	void *value = ctx->optval;
	__u32 mss;

	if (!first || value + sizeof(mss) > ctx->optval_end)
		return;
	mss = cast_to(tcp_sock, first)->mss_cache;
	if (!mss)
		return;
	*(__u32 *)value = mss;
	ctx->optlen = sizeof(mss);
	bpf_set_retval(0);
}

SEC("cgroup/getsockopt")
int repair_get(struct bpf_sockopt *ctx)
{
	struct mptcp_sock *msk;

	if (ctx->retval != -EOPNOTSUPP)
		return 1;
	msk = mptcp_of(ctx);
	if (!msk)
		return 1;
	if (ctx->level == SOL_IP && ctx->optname == IP_OPTIONS && !has_ip_options(msk))
		bpf_set_retval(-ENOPROTOOPT);
	else if (ctx->level == SOL_TCP && ctx->optname == TCP_MAXSEG)
		tell_maxseg(ctx, msk);
	return 1;
}

/* With the peer's key, so not fallen back in the handshake, and not later. */
static __always_inline bool speaks_mptcp(struct mptcp_sock *msk)
{
	return msk->can_ack && !(msk->flags & FALLBACK_DONE);
}

SEC("cgroup/setsockopt")
int repair_set(struct bpf_sockopt *ctx)
{
	struct mptcp_sock *msk;

	if (ctx->level != SOL_TCP || ctx->optname != TCP_QUICKACK || ctx->optlen < (int)sizeof(int))
		return 1;
	msk = mptcp_of(ctx);
	if (msk && speaks_mptcp(msk))
		ctx->optlen = -1; /* done: the kernel is not asked */
	return 1;
}
