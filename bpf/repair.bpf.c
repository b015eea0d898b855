// SPDX-License-Identifier: GPL-2.0-only
/*
 * repair: answers the few socket options that work on TCP, fail on MPTCP, and
 * that mail servers use, where that is the truth:
 *
 *	get IP_OPTIONS		"no such option" in place of "not supported": what a
 *				server takes for "none", as is so
 *	get TCP_MAXSEG		that of the first subflow; Linux 6.18 does so itself
 *	set TCP_QUICKACK	accepted: a hint, about which the kernel is free
 *	set TCP_USER_TIMEOUT,	accepted before connect(), kept, and given to the first
 *	    TCP_SYNCNT		subflow as it connects; read, the value that was kept
 *
 * A connection that was given TCP_USER_TIMEOUT is plain TCP, on every port: strip sees
 * to that. TCP_SYNCNT is over with the handshake, which has
 * one subflow alone.
 *
 * Hooks: cgroup/getsockopt, behind the kernel, cgroup/setsockopt, before it, and
 * cgroup/connect4 and 6, which see the subflow, on each attached cgroup. All run with
 * the socket locked. Fails to the kernel's own answer: on every socket but MPTCP's,
 * on one that has fallen back (there the kernel hands options on to TCP), where
 * strip does not reach, and for every option that promises what nothing keeps
 * (TCP_MD5SIG, TCP_ULP, ...).
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
#define MAX_NESTED 8 /* attached cgroups, one in another, with which an option writes back */
#define ENOPROTOOPT 92
#define EOPNOTSUPP 95

/* MPTCP_FALLBACK_DONE of net/mptcp/protocol.h, a bit of mptcp_sock.flags that no
 * type of the kernel tells: 2 in Linux 6.12 to 7.3, 4 in 6.1. */
#define FALLBACK_DONE (1 << 2)

char LICENSE[] SEC("license") = "GPL";

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

#define cast_to(type, object) ((struct type *)bpf_rdonly_cast(object, number_of_##type))

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

/* With the peer's key, so not fallen back in the handshake, and not later. */
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

/* The first subflow has it, or will have it; not a listener's. After a fallback the
 * kernel answers. */
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

/* As servers do, before they listen: their connections would be given nothing. */
static __always_inline bool may_come_to_listen(struct bpf_sockopt *ctx)
{
	struct sock *sk = cast_to(sock, ctx->sk);

	return ctx->sk->src_port || BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuse) ||
	       BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuseport);
}

/* A socket that may still connect, and whose SYN strip will see. */
static __always_inline bool can_hand_over(struct bpf_sockopt *ctx)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);

	return ctx->sk->state == BPF_TCP_CLOSE && !may_come_to_listen(ctx) &&
	       bpf_map_lookup_elem(&netns, &cookie);
}

/* What TCP refuses, the kernel refuses here as well. */
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

/* What is at this address of the kernel's, a pointer. */
static __always_inline void *pointer_at(const char *address)
{
	return cast_to(list_head, address)->next; /* any type that begins with one */
}

/*
 * Whether no program but this sees the options of this socket: it is there more than
 * once where a cgroup and one above it are attached. CO-RE does not relocate an
 * index that varies, so the places are reckoned.
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
 * With a length of 0, the option's handler gets the caller's own buffer and length,
 * as if there were no program (one writes into it: IPV6_FLOWLABEL_MGR). Another
 * program would see that 0, or have written what is then lost: where there is one,
 * what it leaves is left.
 */
SEC("cgroup/setsockopt")
int repair_set(struct bpf_sockopt *ctx)
{
	struct mptcp_sock *msk = mptcp_of(ctx);

	if (msk && accepts(ctx, msk))
		ctx->optlen = -1; /* done: the kernel is not asked */
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
