// SPDX-License-Identifier: GPL-2.0-only
/*
 * repair: answers a few socket options that mail servers use, and that work on TCP but
 * fail on MPTCP. It answers only where the answer is true:
 *
 *	get IP_OPTIONS		"no such option" instead of "not supported": servers
 *				take it as "none", which is the case
 *	get TCP_MAXSEG		that of the first subflow; Linux 6.18 does this itself
 *	set TCP_QUICKACK	accepted: a hint that the kernel is free to ignore
 *	set TCP_USER_TIMEOUT,	accepted before connect(), kept, and set on the first
 *	    TCP_SYNCNT		subflow when it connects; get returns the kept value
 *
 * strip makes a connection with TCP_USER_TIMEOUT plain TCP, on every port. TCP_SYNCNT
 * matters only during the handshake, which has a single subflow.
 *
 * Hooks on each attached cgroup: cgroup/getsockopt, after the kernel;
 * cgroup/setsockopt, before it; cgroup/connect4 and connect6, which see the subflow.
 * All run with the socket locked. On failure the kernel's own answer stands, as it does
 * for sockets that are not MPTCP, for sockets that have fallen back (the kernel passes
 * their options to TCP), for the last two options outside covered namespaces, and for
 * every option that nothing would honour (TCP_MD5SIG, TCP_ULP, ...).
 */
#include "maps.h"
#include "kernel_types.h"
#include "tcp.h"
#include <bpf/bpf_core_read.h>

#define SOL_IP 0
#define SOL_TCP IPPROTO_TCP
#define IP_OPTIONS 4
#define TCP_MAXSEG 2
#define TCP_SYNCNT 7
#define TCP_QUICKACK 12
#define TCP_USER_TIMEOUT 18
#define MAX_SYNCNT 127 /* MAX_TCP_SYNCNT */
#define MAX_NESTED 8 /* number of nested attached cgroups up to which is_alone() can tell */
#define ENOPROTOOPT 92
#define EOPNOTSUPP 95

/* MPTCP_FALLBACK_DONE of net/mptcp/protocol.h, a bit number in mptcp_sock.flags. It is
 * a macro, so BTF does not have it: 2 in Linux 6.12 to 7.3, 4 in 6.1. */
#define FALLBACK_DONE (1 << 2)

char LICENSE[] SEC("license") = "GPL";

#define cast_to(type, object) ((struct type *)rdonly_cast(object, number_of_##type))

/* NULL if it is not an MPTCP socket. */
static __always_inline struct mptcp_sock *mptcp_of(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return sk && sk->protocol == IPPROTO_MPTCP ? cast_to(mptcp_sock, sk) : NULL;
}

/* IP options can only have come with the peer's SYN: MPTCP cannot set them. */
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

/* The peer's key is known: no fallback in the handshake. Nor was there one later. */
static __always_inline bool speaks_mptcp(struct mptcp_sock *msk)
{
	return msk->can_ack && !(msk->flags & FALLBACK_DONE);
}

static __always_inline __u32 bit_of(int option)
{
	switch (option) {
	case TCP_USER_TIMEOUT:
		return MMA_ASKED_USER_TIMEOUT;
	case TCP_SYNCNT:
		return MMA_ASKED_SYNCNT;
	}
	return 0;
}

/* Returns the value that the first subflow has or will get; not for listeners. After a
 * fallback the kernel answers. */
static __always_inline void tell_asked(struct bpf_sockopt *ctx, __u32 bit)
{
	struct mma_asked *kept = bpf_sk_storage_get(&asked, ctx->sk, NULL, 0);
	void *value = ctx->optval;

	if (ctx->sk->state == BPF_TCP_LISTEN)
		return;
	if (!kept || !(kept->options & bit) || value + sizeof(__u32) > ctx->optval_end)
		return;
	*(__u32 *)value = bit == MMA_ASKED_USER_TIMEOUT ? kept->user_timeout : kept->syncnt;
	ctx->optlen = sizeof(__u32);
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
	else if (ctx->level == SOL_TCP && bit_of(ctx->optname) && !speaks_mptcp(msk))
		tell_asked(ctx, bit_of(ctx->optname));
	return 1;
}

/* Servers do one of these before they listen. The connections that they accept would
 * not inherit the option. */
static __always_inline bool may_come_to_listen(struct bpf_sockopt *ctx)
{
	struct sock *sk = cast_to(sock, ctx->sk);

	return ctx->sk->src_port || BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuse) ||
	       BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuseport);
}

/* Whether the socket may still connect, and strip will see its SYN. */
static __always_inline bool can_hand_over(struct bpf_sockopt *ctx)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);

	return ctx->sk->state == BPF_TCP_CLOSE && !may_come_to_listen(ctx) &&
	       bpf_map_lookup_elem(&netns, &cookie);
}

/* False for values that TCP refuses: then the kernel refuses the option. */
static __always_inline bool keep(struct bpf_sockopt *ctx, __u32 bit)
{
	int *given = ctx->optval;
	struct mma_asked *kept;
	int value;

	if ((void *)(given + 1) > ctx->optval_end)
		return false;
	value = *given;
	if (value < 0 || (bit == MMA_ASKED_SYNCNT && (value < 1 || value > MAX_SYNCNT)))
		return false;
	kept = bpf_sk_storage_get(&asked, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!kept)
		return false;
	if (bit == MMA_ASKED_USER_TIMEOUT)
		kept->user_timeout = value;
	else
		kept->syncnt = value;
	kept->options |= bit;
	return true;
}

static __always_inline bool accepts(struct bpf_sockopt *ctx, struct mptcp_sock *msk)
{
	__u32 bit;

	if (ctx->level != SOL_TCP || ctx->optlen < (int)sizeof(int))
		return false;
	if (ctx->optname == TCP_QUICKACK)
		return speaks_mptcp(msk);
	bit = bit_of(ctx->optname);
	return bit && can_hand_over(ctx) && keep(ctx, bit);
}

/* Reads the pointer at a kernel address. */
static __always_inline void *pointer_at(const char *address)
{
	return cast_to(list_head, address)->next; /* any type that begins with one */
}

/*
 * Whether this is the only program in the socket's array of effective programs. The
 * array has it several times if attached cgroups are nested. CO-RE cannot relocate a
 * variable index, so this computes the addresses.
 */
static __always_inline bool is_alone(struct bpf_sockopt *ctx)
{
	__u64 effective = bpf_core_field_offset(struct cgroup, bpf.effective) +
			  sizeof(void *) * bpf_core_enum_value(enum cgroup_bpf_attach_type,
							       CGROUP_SETSOCKOPT);
	__u64 size = bpf_core_type_size(struct bpf_prog_array_item);
	const char *cgroup = (char *)cast_to(sock, ctx->sk)->sk_cgrp_data.cgroup;
	const char *items = (char *)pointer_at(cgroup + effective) +
			    bpf_core_field_offset(struct bpf_prog_array, items) +
			    bpf_core_field_offset(struct bpf_prog_array_item, prog);
	void *first = pointer_at(items);

#pragma unroll
	for (int i = 1; i <= MAX_NESTED; i++) {
		void *next = pointer_at(items + i * size);

		if (!next)
			return true;
		if (next != first)
			return false;
	}
	return false;
}

/*
 * With a length of 0, the kernel passes the caller's own buffer and length to the
 * option's handler, as it does without a program. One handler writes into that buffer
 * (IPV6_FLOWLABEL_MGR). But another program would see the 0, or lose what it wrote. So
 * if there is one, the length stays as it is.
 */
SEC("cgroup/setsockopt")
int repair_set(struct bpf_sockopt *ctx)
{
	struct mptcp_sock *msk = mptcp_of(ctx);

	if (msk && accepts(ctx, msk))
		ctx->optlen = -1; /* done: skip the kernel's handler */
	else if (ctx->optlen > 0 && is_alone(ctx))
		ctx->optlen = 0;
	return 1;
}

static __always_inline void hand_over(struct bpf_sock_addr *ctx)
{
	struct mptcp_sock *msk;
	struct mma_asked *kept;
	int value;

	if (ctx->protocol != IPPROTO_TCP)
		return;
	msk = bpf_skc_to_mptcp_sock(ctx->sk);
	if (!msk)
		return;
	kept = bpf_sk_storage_get(&asked, msk, NULL, 0);
	if (!kept)
		return;
	if (kept->options & MMA_ASKED_USER_TIMEOUT) {
		value = kept->user_timeout;
		bpf_setsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &value, sizeof(value));
	}
	if (kept->options & MMA_ASKED_SYNCNT) {
		value = kept->syncnt;
		bpf_setsockopt(ctx, SOL_TCP, TCP_SYNCNT, &value, sizeof(value));
	}
}

SEC("cgroup/connect4")
int repair_connect4(struct bpf_sock_addr *ctx)
{
	hand_over(ctx);
	return 1;
}

SEC("cgroup/connect6")
int repair_connect6(struct bpf_sock_addr *ctx)
{
	hand_over(ctx);
	return 1;
}
