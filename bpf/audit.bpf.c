// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit: counts the ports on which the sockets of one cgroup and its descendants
 * listen, connect and accept, and the command that did it.
 *
 * Hook: sock_ops on that cgroup. Since Linux 4.15 the kernel calls it only for
 * TCP, MPTCP's sockets included, and only on such events. It does not see UDP, nor
 * bind(2) of a client's source port. A separate object: it needs no trampoline and
 * none of the other programs' maps.
 *
 * Changes nothing: it always returns 1 and leaves the reply as it is. On failure
 * the event is not counted.
 */
#include "audit_abi.h"
#include "tcp.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PF_KTHREAD 0x00200000
#define IPV4_LOOPBACK 127

char LICENSE[] SEC("license") = "GPL";

/* event -> count. Written here; the loader reads it at the end. Full: events
 * with a new key are counted in `lost`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_AUDIT_MAX);
	__type(key, struct mma_audit_key);
	__type(value, __u64);
} seen SEC(".maps");

__u64 lost;

static __always_inline void count(const struct mma_audit_key *key)
{
	__u64 one = 1, *n;

	/* Another CPU may add the key first. */
	for (int try = 0; try < 2; try++) {
		n = bpf_map_lookup_elem(&seen, key);
		if (n) {
			__sync_fetch_and_add(n, 1);
			return;
		}
		if (!bpf_map_update_elem(&seen, key, &one, BPF_NOEXIST))
			return;
	}
	__sync_fetch_and_add(&lost, 1);
}

static __always_inline bool is_loopback(__u32 family, __u32 ip4, __u32 a, __u32 b, __u32 c, __u32 d)
{
	if (family == AF_INET)
		return bpf_ntohl(ip4) >> 24 == IPV4_LOOPBACK;
	if (a || b)
		return false;
	if (bpf_ntohl(c) == 0xffff) /* ::ffff:127.0.0.1 */
		return bpf_ntohl(d) >> 24 == IPV4_LOOPBACK;
	return !c && bpf_ntohl(d) == 1;
}

/* Reads the name of the process that is in a system call. False for a kernel
 * thread, which connects MPTCP's additional subflows. */
static __always_inline bool read_command(struct mma_audit_key *key)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	/* The name of the process, which says more than that of the thread. */
	BPF_CORE_READ_STR_INTO(&key->command, task, group_leader, comm);
	return true;
}

SEC("sockops")
int audit(struct bpf_sock_ops *ctx)
{
	struct mma_audit_key key = {};
	/* Volatile: else clang merges the reads of both ports into one of a computed address,
	 * which the verifier refuses (seen on s390x). */
	__u32 local_port = *(const volatile __u32 *)&ctx->local_port;
	__u32 remote_port = *(const volatile __u32 *)&ctx->remote_port;
	bool passive = false;

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		key.event = MMA_AUDIT_LISTEN;
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		key.event = MMA_AUDIT_CONNECT;
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		/* In softirq: current is an arbitrary task. */
		key.event = MMA_AUDIT_ACCEPT;
		passive = true;
		break;
	default:
		return 1;
	}
	if (!passive && !read_command(&key))
		return 1;
	if (key.event == MMA_AUDIT_LISTEN) {
		key.port = (__u16)local_port;
		key.loopback = is_loopback(ctx->family, ctx->local_ip4, ctx->local_ip6[0],
					   ctx->local_ip6[1], ctx->local_ip6[2], ctx->local_ip6[3]);
	} else {
		key.port = (__u16)(passive ? local_port : bpf_ntohl(remote_port));
		key.loopback =
			is_loopback(ctx->family, ctx->remote_ip4, ctx->remote_ip6[0],
				    ctx->remote_ip6[1], ctx->remote_ip6[2], ctx->remote_ip6[3]);
	}
	count(&key);
	return 1;
}
