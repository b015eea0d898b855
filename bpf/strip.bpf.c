// SPDX-License-Identifier: GPL-2.0-only
/*
 * strip: keeps ports off the allowlist plain TCP on the wire. Of a SYN or
 * SYN-ACK that a socket of an attached (or departed) cgroup sends, it overwrites
 * MP_CAPABLE with NOPs if the server's port is not allowed in the socket's
 * role: the peer then answers as plain TCP, and the kernel falls back.
 *
 * Hook: TCX egress of every interface of a covered namespace, first in order;
 * always TCX_NEXT. A packet that it cannot read stays as it is; a SYN-ACK
 * whose listener it cannot find is stripped: plain TCP.
 */
#include "maps.h"
#include "strip_packet.h"

#define IPPROTO_TCP 6

char LICENSE[] SEC("license") = "GPL";

/* Whose packet it is: the nearest attached ancestor of a cgroup. */
struct owner {
	struct __sk_buff *ctx; /* by its socket, for a request its listener */
	__u64 cgroup; /* or by this struct cgroup */
	__u64 levels; /* in use, from the one at hand on */
	__u32 slot; /* out: of the service */
	bool found; /* out */
};

static __always_inline __u64 ancestor_id(const struct owner *owner, int level)
{
	struct cgroup *cgrp = (struct cgroup *)owner->cgroup, *ancestor;
	__u64 at = owner->cgroup + bpf_core_field_offset(struct cgroup, ancestors) +
		   level * sizeof(ancestor);

	if (!owner->cgroup)
		return bpf_skb_ancestor_cgroup_id(owner->ctx, level);
	if (level > BPF_CORE_READ(cgrp, level) ||
	    bpf_probe_read_kernel(&ancestor, sizeof(ancestor), (void *)at))
		return 0;
	return BPF_CORE_READ(ancestor, kn, id);
}

static long ask_level(__u64 level, void *data)
{
	struct mma_service_ref *service;
	struct owner *owner = data;
	bool in_use = owner->levels & 1;
	__u64 id;

	owner->levels >>= 1;
	if (!in_use)
		return !owner->levels;
	id = ancestor_id(owner, level);
	if (!id) /* not as deep */
		return 1;
	service = bpf_map_lookup_elem(&cgroups, &id);
	if (!service)
		service = bpf_map_lookup_elem(&departed, &id);
	if (service) {
		owner->slot = service->slot;
		owner->found = true;
	}
	return 0;
}

/*
 * A SYN-ACK with a syncookie carries no socket (tcp_make_synack), so its
 * listener is looked up as for the answer that will come. Returns 0 where there
 * is none: netfilter has rewritten the port, and who sent it is in doubt.
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

static __always_inline bool allowed(__u16 port, __u8 role)
{
	__u16 all = MMA_PORT_ALL;
	__u8 *roles = bpf_map_lookup_elem(&ports, &port);

	if (!roles)
		roles = bpf_map_lookup_elem(&ports, &all);
	return roles && (*roles & role);
}

SEC("tcx/egress")
int strip(struct __sk_buff *ctx)
{
	struct owner owner = { .ctx = ctx, .slot = MMA_NO_SLOT };
	struct bpf_sock *sk = ctx->sk;
	struct tcp_header tcp = {};
	struct options options;
	__u32 zero = 0, state;
	bool synack;
	struct mma_meta *m;
	__u16 port;

	/* Data and all else leaves here: only a socket in one of three states
	 * sends a SYN, and without a socket only the host itself. */
	if (sk) {
		state = sk->state;
		if (state != BPF_TCP_SYN_SENT && state != BPF_TCP_SYN_RECV &&
		    state != BPF_TCP_NEW_SYN_RECV)
			return TCX_NEXT;
	} else if (ctx->ingress_ifindex) {
		return TCX_NEXT; /* forwarded: whose it is, is not ours to ask */
	}
	if (!find_tcp(ctx, &tcp) || !opens_connection(&tcp))
		return TCX_NEXT;
	synack = tcp.flags & TCP_ACK;
	if (!sk && !synack)
		return TCX_NEXT;
	m = bpf_map_lookup_elem(&meta, &zero);
	if (!m || !find_mp_capable(ctx, &tcp, &options))
		return TCX_NEXT;

	/* The socket's own port where it is known: netfilter's REDIRECT has
	 * rewritten the packet's. */
	if (sk)
		port = synack ? sk->src_port : bpf_ntohs(sk->dst_port);
	else
		port = bpf_ntohs(tcp.source);
	if (allowed(port, synack ? MMA_ROLE_LISTEN : MMA_ROLE_CONNECT))
		return TCX_NEXT;

	owner.levels = m->strip_levels;
	if (!sk)
		owner.cgroup = cgroup_of_listener(ctx, &tcp);
	if (sk || owner.cgroup) {
		bpf_loop(MMA_MAX_LEVEL + 1, ask_level, &owner, 0);
		if (!owner.found)
			return TCX_NEXT;
	}
	if (write_options(ctx, &tcp, &options))
		count(owner.slot, synack ? MMA_STRIPPED_SYNACK : MMA_STRIPPED_SYN);
	return TCX_NEXT;
}
