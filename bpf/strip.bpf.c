// SPDX-License-Identifier: GPL-2.0-only
/*
 * strip: keeps ports off the allowlist plain TCP on the wire. When a socket of an
 * attached or departed cgroup sends a SYN or SYN-ACK, and the server's port is not
 * allowed in the socket's role, strip overwrites MP_CAPABLE with NOPs. The peer then
 * answers as plain TCP, and the kernel falls back. It does the same to the SYN of a
 * socket that was given TCP_USER_TIMEOUT (repair), which MPTCP lacks.
 *
 * Hook: TCX egress of every interface of a covered namespace, first in order; it
 * returns TCX_NEXT. A packet that strip cannot parse passes unchanged. A SYN-ACK
 * whose listener it cannot find is stripped: plain TCP. A packet that it must strip
 * but cannot write (out of memory) is dropped: TCP soon retransmits.
 */
#include "allowlist.h"
#include "service.h"
#include "strip_packet.h"

#define SKB_DST_FLAGS 1UL /* low bits of sk_buff._skb_refdst (SKB_DST_NOREF) */
#define NFCT_INFO 7UL /* low bits of sk_buff._nfct (NFCT_INFOMASK) */
#define IP_CT_IS_REPLY 3

char LICENSE[] SEC("license") = "GPL";

/*
 * Filters out data and everything else early. Sockets in three states send a SYN or
 * SYN-ACK. One that waited for the neighbour's address (neigh_resolve_output) may
 * leave after its socket was closed; UDP and raw sockets have that state, too.
 */
static __always_inline bool may_send_syn(struct bpf_sock *sk)
{
	switch (sk->state) {
	case BPF_TCP_SYN_SENT:
	case BPF_TCP_SYN_RECV:
	case BPF_TCP_NEW_SYN_RECV:
		return true;
	case BPF_TCP_CLOSE:
		sk = bpf_sk_fullsock(sk);
		return sk && sk->type == SOCK_STREAM && sk->protocol == IPPROTO_TCP;
	}
	return false;
}

/*
 * Whether a packet without a socket originates in this network namespace. A
 * forwarded packet has an ingress interface. One from a macvlan or VLAN device in
 * another namespace keeps its route from there (netif_keep_dst).
 */
static __noinline bool made_here(struct __sk_buff *ctx)
{
	struct sk_buff *skb = cast_to_kern_ctx(ctx);
	struct dst_entry *dst;

	if (ctx->ingress_ifindex)
		return false;
	dst = (struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~SKB_DST_FLAGS);
	return dst && BPF_CORE_READ(dst, dev, nd_net.net) == BPF_CORE_READ(skb, dev, nd_net.net);
}

/* Restores the sender's address and port as its socket knows them: conntrack
 * remembers what netfilter rewrote (REDIRECT, DNAT). */
static __always_inline void undo_nat(struct __sk_buff *ctx, struct tcp_header *tcp)
{
	struct sk_buff *skb = cast_to_kern_ctx(ctx);
	struct nf_conn *ct;
	unsigned long nfct;

	if (!bpf_core_field_exists(skb->_nfct) || !bpf_core_type_exists(struct nf_conn))
		return;
	nfct = BPF_CORE_READ(skb, _nfct);
	ct = (struct nf_conn *)(nfct & ~NFCT_INFO);
	if (!ct)
		return;
	if ((nfct & NFCT_INFO) >= IP_CT_IS_REPLY) {
		BPF_CORE_READ_INTO(&tcp->saddr, ct, tuplehash[1].tuple.src.u3);
		BPF_CORE_READ_INTO(&tcp->source, ct, tuplehash[1].tuple.src.u);
	} else {
		BPF_CORE_READ_INTO(&tcp->saddr, ct, tuplehash[0].tuple.src.u3);
		BPF_CORE_READ_INTO(&tcp->source, ct, tuplehash[0].tuple.src.u);
	}
}

#define AS_SOCK(s) ((const struct tcp_sock *)(s))->inet_conn.icsk_inet.sk

/* The struct cgroup in which the packet's socket was created; for a request socket,
 * its listener's (skb_to_full_sk). */
static __always_inline __u64 cgroup_of_sender(struct __sk_buff *ctx, __u32 state)
{
	struct sk_buff *skb = cast_to_kern_ctx(ctx);
	struct sock *sk = BPF_CORE_READ(skb, sk);

	if (state == BPF_TCP_NEW_SYN_RECV)
		sk = BPF_CORE_READ(&AS_SOCK(sk), __sk_common.skc_listener);
	return (__u64)BPF_CORE_READ(&AS_SOCK(sk), sk_cgrp_data.cgroup);
}

/*
 * A SYN-ACK with a syncookie carries no socket (tcp_make_synack). So this looks up
 * the listener as the kernel will for the ACK that answers it. Returns 0 if there is
 * none: the port was rewritten without conntrack, or the listener uses another port
 * (TPROXY). The sender and its port are then in doubt.
 */
static __always_inline __u64 cgroup_of_listener(struct __sk_buff *ctx, const struct tcp_header *tcp)
{
	struct bpf_sock_tuple tuple = {};
	struct tcp_sock *listener;
	struct bpf_sock *sk;
	__u64 cgroup = 0;

	if (tcp->ipv6) {
		__builtin_memcpy(tuple.ipv6.saddr, tcp->daddr, 16);
		__builtin_memcpy(tuple.ipv6.daddr, tcp->saddr, 16);
		tuple.ipv6.sport = tcp->dest;
		tuple.ipv6.dport = tcp->source;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	} else {
		tuple.ipv4.saddr = tcp->daddr[0];
		tuple.ipv4.daddr = tcp->saddr[0];
		tuple.ipv4.sport = tcp->dest;
		tuple.ipv4.dport = tcp->source;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	if (sk->state == BPF_TCP_LISTEN) {
		listener = bpf_skc_to_tcp_sock(sk);
		if (listener)
			cgroup = (__u64)BPF_CORE_READ(listener,
						      inet_conn.icsk_inet.sk.sk_cgrp_data.cgroup);
	}
	bpf_sk_release(sk);
	return cgroup;
}

/*
 * Whether TCP_USER_TIMEOUT, which MPTCP lacks, was set before connect() and kept by
 * repair. Never ask a closed subflow for its MPTCP socket: the kernel would follow a
 * structure that is already freed (mptcp_subflow_context). The SYN of a closed
 * subflow no longer opens a connection anyway.
 */
static __always_inline bool has_user_timeout(struct bpf_sock *sk)
{
	struct mma_asked *given;
	struct mptcp_sock *msk;

	if (sk->state != BPF_TCP_SYN_SENT)
		return false;
	msk = bpf_skc_to_mptcp_sock(sk);
	if (!msk)
		return false;
	given = bpf_sk_storage_get(&asked, msk, NULL, 0);
	return given && given->user_timeout;
}

/* Handles a packet that may be a SYN or SYN-ACK of a service. A separate function, so
 * that data packets, which never get here, do not pay for its stack. */
static __noinline void keep_exact(struct __sk_buff *ctx, struct bpf_sock *sk, int *verdict)
{
	struct tcp_header tcp = {};
	struct options options;
	struct mma_meta *m;
	__u32 zero = 0, slot = MMA_NO_SLOT;
	__u16 port = 0;
	bool synack, may_speak;
	__u64 cgroup;
	__u8 role;

	if (!find_tcp(ctx, &tcp) || !opens_connection(&tcp))
		return;
	synack = tcp.flags & TCP_ACK;
	role = synack ? MMA_ROLE_LISTEN : MMA_ROLE_CONNECT;
	if (!sk && !synack)
		return;
	m = bpf_map_lookup_elem(&meta, &zero);
	if (!m || !find_mp_capable(ctx, &tcp, &options))
		return;

	/* Prefer the socket's own port: netfilter may have rewritten the packet's. */
	if (sk) {
		port = synack ? sk->src_port : bpf_ntohs(sk->dst_port);
		cgroup = cgroup_of_sender(ctx, sk->state);
	} else {
		undo_nat(ctx, &tcp);
		cgroup = cgroup_of_listener(ctx, &tcp);
	}
	if (!port) /* a closed socket no longer has one */
		port = bpf_ntohs(synack ? tcp.source : tcp.dest);
	may_speak = allowed(port, role) && (synack || !has_user_timeout(sk));
	if ((sk || cgroup) &&
	    (may_speak || !find_service_of_socket(cgroup, m->strip_levels, &slot)))
		return;
	if (write_options(ctx, &tcp, &options))
		count(slot, synack ? MMA_STRIPPED_SYNACK : MMA_STRIPPED_SYN);
	else
		*verdict = TCX_DROP;
}

SEC("tcx/egress")
int strip(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	int verdict = TCX_NEXT;

	if (sk ? may_send_syn(sk) : made_here(ctx))
		keep_exact(ctx, sk, &verdict);
	return verdict;
}
