// SPDX-License-Identifier: GPL-2.0-only
/*
 * account: counts the connections of attached services, per server's port and
 * role: MPTCP, fallen back, or never asked. Each once, when that is certain.
 *
 * Hooks: fentry and fexit on functions that the kernel calls for MPTCP sockets
 * alone, so that a TCP socket pays nothing; for those of all services alike, so
 * that restarts are followed. These functions are internal to the kernel: where
 * one is missing nothing is counted, and all else works (loader/programs.c).
 * Changes nothing, and fails to not counting.
 */
#include "allowlist.h"
#include "service.h"
#include "tcp.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/* enum mptcp_event_type, which is UAPI. */
#define MPTCP_EVENT_ESTABLISHED 2
#define MPTCP_EVENT_CLOSED 3
#define MPTCP_EVENT_SUB_ESTABLISHED 10
#define MPTCP_EVENT_SUB_CLOSED 11

char LICENSE[] SEC("license") = "GPL";

/* As in upgrade: of two builds that see the same, the one that `meta` names
 * counts. */
extern const volatile __u64 own_build;

/*
 * The kernel leaves a program out that it finds running on this CPU already: inside
 * one connection in a system call, a packet's interrupt may bring the next one.
 * So mptcp_event, which comes from both, has two programs, one of which runs
 * always. Who enters the connection here counts it; the other one takes it out.
 * Left over where only one ran: the least recently used goes.
 */
struct claim {
	__u64 socket; /* the address of what the event is about */
	__u64 what; /* enum mma_connection */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct claim);
	__type(value, __u8);
} account_claims SEC(".maps");

static __always_inline bool is_counted_here(const struct sock *sk, enum mma_connection what)
{
	struct claim claim = { .socket = (__u64)sk, .what = what };
	__u8 value = 0;

	if (!bpf_map_update_elem(&account_claims, &claim, &value, BPF_NOEXIST))
		return true;
	bpf_map_delete_elem(&account_claims, &claim);
	return false;
}

static __always_inline void add(const struct mma_account_key *key, enum mma_connection what)
{
	struct mma_account fresh = {}, *account;

	fresh.counters[what] = 1;
	/* Another CPU may enter the key first. */
	for (int try = 0; try < 2; try++) {
		account = bpf_map_lookup_elem(&accounts, key);
		if (account) {
			__sync_fetch_and_add(&account->counters[what], 1);
			return;
		}
		if (!bpf_map_update_elem(&accounts, key, &fresh, BPF_NOEXIST))
			return;
	}
	count(key->slot, MMA_UNACCOUNTED);
}

/* Every socket here begins as a TCP socket does. So it is taken for one: for each
 * type that is read, libbpf goes through all the kernel's. */
#define AS_SOCK(s) (((const struct tcp_sock *)(s))->inet_conn.icsk_inet.sk)

/* claimed: whose event it is, where two programs see it; or NULL. */
static __always_inline void account(const struct sock *sk, enum mma_role role,
				    enum mma_connection what, const struct sock *claimed)
{
	struct mma_account_key key = { .role = role };
	struct mma_meta *m;
	__u64 cgroup;
	__u32 zero = 0;

	m = bpf_map_lookup_elem(&meta, &zero);
	if (!m || *(__u64 *)m->build_id != own_build)
		return;
	cgroup = (__u64)BPF_CORE_READ((const struct tcp_sock *)sk,
				      inet_conn.icsk_inet.sk.sk_cgrp_data.cgroup);
	if (!find_service_of_socket(cgroup, m->strip_levels, &key.slot) ||
	    key.slot == MMA_NO_SLOT || (claimed && !is_counted_here(claimed, what)))
		return;
	key.port = role == MMA_ROLE_LISTEN ? AS_SOCK(sk).__sk_common.skc_num
					   : bpf_ntohs(AS_SOCK(sk).__sk_common.skc_dport);
	if (what == MMA_CONN_FELL_BACK && !allowed(key.port, role))
		what = MMA_CONN_OFF_LIST;
	add(&key, what);
}

#define SUBFLOW_IS(subflow, bit) BPF_CORE_READ_BITFIELD_PROBED(subflow, bit)

static __always_inline struct mptcp_subflow_context *subflow_of(const struct sock *ssk)
{
	return BPF_CORE_READ((const struct tcp_sock *)ssk, inet_conn.icsk_ulp_data);
}

/*
 * Whether a connection that ends had begun as MPTCP and then, before either end
 * could be sure of it, fell back: the options were lost on the way (to a fast
 * open's child, too, which exists before the handshake). The kernel tells of
 * that by clearing mp_capable alone. Once the subflow is given up (request_mptcp,
 * and nothing else, is set then) that is no longer known.
 */
static __always_inline bool gave_up(const struct mptcp_sock *msk)
{
	struct mptcp_subflow_context *subflow = subflow_of(msk->first);

	if (msk->fully_established || !subflow || SUBFLOW_IS(subflow, mp_capable))
		return false;
	return msk->pm.server_side ? !SUBFLOW_IS(subflow, request_mptcp)
				   : SUBFLOW_IS(subflow, remote_key_valid);
}

static __always_inline int event(int type, const struct mptcp_sock *msk, const struct sock *ssk)
{
	const struct sock *sk = (const struct sock *)msk;
	enum mma_connection what;

	switch (type) {
	case MPTCP_EVENT_ESTABLISHED:
		what = MMA_CONN_MPTCP;
		sk = ssk; /* a client's own may not have its address yet */
		break;
	case MPTCP_EVENT_SUB_ESTABLISHED:
		what = MMA_CONN_SUBFLOWS;
		break;
	case MPTCP_EVENT_SUB_CLOSED:
		if (ssk != msk->first)
			return 0;
		/* fallthrough */
	case MPTCP_EVENT_CLOSED:
		if (!gave_up(msk))
			return 0;
		what = MMA_CONN_FELL_BACK;
		break;
	default:
		return 0;
	}
	account(sk, msk->pm.server_side ? MMA_ROLE_LISTEN : MMA_ROLE_CONNECT, what,
		ssk ? ssk : (const struct sock *)msk);
	return 0;
}

SEC("fentry/mptcp_event")
int BPF_PROG(account_event, int type, const struct mptcp_sock *msk, const struct sock *ssk)
{
	return event(type, msk, ssk);
}

SEC("fentry/mptcp_event")
int BPF_PROG(account_event_2, int type, const struct mptcp_sock *msk, const struct sock *ssk)
{
	return event(type, msk, ssk);
}

/* An MPTCP listener's new connection becomes a TCP socket. One that was asked
 * for MPTCP has a context by now, without a connection; the others that come
 * here are joins, and connections that nobody accepts any more. One program: for
 * new connections the kernel calls it in the packet's interrupt alone. */
SEC("fentry/mptcp_subflow_drop_ctx")
int BPF_PROG(account_accept, const struct sock *ssk)
{
	struct mptcp_subflow_context *subflow = subflow_of(ssk);

	if (subflow && (SUBFLOW_IS(subflow, mp_join) || BPF_CORE_READ(subflow, conn)))
		return 0;
	account(ssk, MMA_ROLE_LISTEN, subflow ? MMA_CONN_FELL_BACK : MMA_CONN_PLAIN, NULL);
	return 0;
}

static __always_inline bool is_syn(const struct sk_buff *skb)
{
	const unsigned char *tcp = skb->head + skb->transport_header;
	__u8 flags = 0;

	bpf_probe_read_kernel(&flags, sizeof(flags), tcp + TCP_FLAGS_BYTE);
	return flags & TCP_SYN;
}

/* The SYN-ACK of a connection that we asked for has been read. It is called for
 * later packets, too. With MPTCP there is more to come: the event. One program:
 * only a connection over loopback gets here in a system call. */
SEC("fexit/subflow_finish_connect")
int BPF_PROG(account_connect, const struct sock *ssk, const struct sk_buff *skb)
{
	struct mptcp_subflow_context *subflow = subflow_of(ssk);
	bool asked;

	if (!subflow || AS_SOCK(ssk).__sk_common.skc_state != TCP_ESTABLISHED || !is_syn(skb))
		return 0;
	if (SUBFLOW_IS(subflow, mp_capable) || SUBFLOW_IS(subflow, request_join))
		return 0;
	asked = SUBFLOW_IS(subflow, request_mptcp);
	/* After some SYNs without an answer the kernel asks no more. */
	if (!asked && bpf_core_field_exists(subflow->mpc_drop))
		asked = SUBFLOW_IS(subflow, mpc_drop);
	account(ssk, MMA_ROLE_CONNECT, asked ? MMA_CONN_FELL_BACK : MMA_CONN_PLAIN, NULL);
	return 0;
}
