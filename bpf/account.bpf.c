// SPDX-License-Identifier: GPL-2.0-only
/*
 * account: counts the connections of attached services by server port, role and
 * outcome: MPTCP, fell back, plain, or off the allowlist. It counts each connection
 * once, when the outcome is certain.
 *
 * Hooks: fentry and fexit on functions that the kernel calls only for MPTCP sockets,
 * so TCP sockets pay nothing. The hooks are global, not per cgroup, so counting
 * continues when a service restarts. These functions are internal to the kernel.
 * Where one is missing, nothing is counted and everything else works
 * (loader/attached/optional.h). Changes nothing. On failure the connection is not
 * counted.
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

/* As in upgrade: if two builds see an event, only the one that `meta` names counts. */
extern const volatile __u64 own_build;

/*
 * The kernel skips a program that is already running on this CPU: softirq may handle one
 * connection while it interrupts a system call on another. mptcp_event is called in both,
 * so it has two programs, and at least one of them runs. The first one adds an entry
 * here and counts; the second one deletes the entry. If only one ran, its entry stays
 * until the LRU evicts it.
 */
struct mma_claim {
	__u64 socket; /* address of the socket that the event is about */
	__u64 what; /* enum mma_connection */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct mma_claim);
	__type(value, __u8);
} account_claims SEC(".maps");

static __always_inline bool is_counted_here(__u64 sk, enum mma_connection what)
{
	struct mma_claim claim = { .socket = sk, .what = what };
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
	/* Another CPU may add the key first. */
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

/* Every socket here starts with a struct inet_connection_sock, so all are read as
 * tcp_sock: each further type would cost libbpf another search of the kernel's types. */
#define AS_SOCK(s) (((const struct tcp_sock *)(s))->inet_conn.icsk_inet.sk)

/* An argument of the function that the program watches, as a number. */
static __always_inline __u64 number_of_argument(void *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return value;
}

/*
 * claimed: the socket of an event that two programs see; 0 if only one sees it. A global
 * function, so the verifier checks it once in each program, and not for each combination
 * of role and outcome. So it takes sockets as numbers.
 */
__noinline int account(__u64 sk, enum mma_role role, enum mma_connection what, __u64 claimed)
{
	const struct tcp_sock *socket = (const struct tcp_sock *)sk;
	struct mma_account_key key = { .role = role };
	struct mma_meta *m;
	__u64 cgroup;
	__u32 zero = 0;

	m = bpf_map_lookup_elem(&meta, &zero);
	if (!m || *(__u64 *)m->build_id != own_build || what >= MMA_N_CONNECTIONS)
		return 0;
	cgroup = (__u64)BPF_CORE_READ(&AS_SOCK(socket), sk_cgrp_data.cgroup);
	if (!find_service_of_socket(cgroup, m->strip_levels, &key.slot) ||
	    key.slot == MMA_NO_SLOT || (claimed && !is_counted_here(claimed, what)))
		return 0;
	key.port = role == MMA_ROLE_LISTEN
			   ? BPF_CORE_READ(&AS_SOCK(socket), __sk_common.skc_num)
			   : bpf_ntohs(BPF_CORE_READ(&AS_SOCK(socket), __sk_common.skc_dport));
	if (what == MMA_CONN_FELL_BACK && !allowed(key.port, role))
		what = MMA_CONN_OFF_LIST;
	add(&key, what);
	return 0;
}

#define SUBFLOW_IS(subflow, bit) BPF_CORE_READ_BITFIELD_PROBED(subflow, bit)

static __always_inline struct mptcp_subflow_context *subflow_of(const struct sock *ssk)
{
	return BPF_CORE_READ((const struct tcp_sock *)ssk, inet_conn.icsk_ulp_data);
}

/*
 * Whether a connection that now ends began as MPTCP but fell back before either end
 * could be sure: the options were lost on the way. (A Fast Open child can lose them,
 * too: it exists before the handshake is complete.) The only trace is that mp_capable
 * is cleared. Once the kernel has given up the subflow, only request_mptcp is set, and
 * this is no longer known: false.
 */
static __always_inline bool gave_up(const struct mptcp_sock *msk)
{
	struct mptcp_subflow_context *subflow = subflow_of(msk->first);

	if (msk->fully_established || !subflow || SUBFLOW_IS(subflow, mp_capable))
		return false;
	return msk->pm.server_side ? !SUBFLOW_IS(subflow, request_mptcp)
				   : SUBFLOW_IS(subflow, remote_key_valid);
}

static __always_inline int event(void *ctx, int type, const struct mptcp_sock *msk,
				 const struct sock *ssk)
{
	__u64 connection = number_of_argument(ctx, 1), subflow = number_of_argument(ctx, 2);
	__u64 sk = connection;
	enum mma_connection what;

	switch (type) {
	case MPTCP_EVENT_ESTABLISHED:
		what = MMA_CONN_MPTCP;
		sk = subflow; /* a client's MPTCP socket may not have its address yet */
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
		subflow ? subflow : connection);
	return 0;
}

SEC("fentry/mptcp_event")
int BPF_PROG(account_event, int type, const struct mptcp_sock *msk, const struct sock *ssk)
{
	return event(ctx, type, msk, ssk);
}

SEC("fentry/mptcp_event")
int BPF_PROG(account_event_2, int type, const struct mptcp_sock *msk, const struct sock *ssk)
{
	return event(ctx, type, msk, ssk);
}

/* A new connection of an MPTCP listener becomes a TCP socket. If the client requested
 * MPTCP, the socket has a context by now, but no MPTCP socket (conn); if not, it has no
 * context. The others that come here are joins, and connections that nobody will
 * accept. One program is enough: for new connections the kernel calls this function
 * only in softirq. */
SEC("fentry/mptcp_subflow_drop_ctx")
int BPF_PROG(account_accept, const struct sock *ssk)
{
	struct mptcp_subflow_context *subflow = subflow_of(ssk);

	if (subflow && (SUBFLOW_IS(subflow, mp_join) || BPF_CORE_READ(subflow, conn)))
		return 0;
	account(number_of_argument(ctx, 0), MMA_ROLE_LISTEN,
		subflow ? MMA_CONN_FELL_BACK : MMA_CONN_PLAIN, 0);
	return 0;
}

static __always_inline bool is_syn(const struct sk_buff *skb)
{
	const unsigned char *tcp = skb->head + skb->transport_header;
	__u8 flags = 0;

	bpf_probe_read_kernel(&flags, sizeof(flags), tcp + TCP_FLAGS_BYTE);
	return flags & TCP_SYN;
}

/* The kernel has read the SYN-ACK that answers our SYN. It calls this function for
 * later packets, too. If the connection is MPTCP, mptcp_event follows and counts it.
 * One program is enough: only connections over loopback get here in a system call. */
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
	/* After several unanswered SYNs the kernel no longer requests MPTCP. */
	if (!asked && bpf_core_field_exists(subflow->mpc_drop))
		asked = SUBFLOW_IS(subflow, mpc_drop);
	account(number_of_argument(ctx, 0), MMA_ROLE_CONNECT,
		asked ? MMA_CONN_FELL_BACK : MMA_CONN_PLAIN, 0);
	return 0;
}
