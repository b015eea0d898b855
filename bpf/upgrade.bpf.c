// SPDX-License-Identifier: GPL-2.0-only
/*
 * upgrade: decides, for each socket(2) on the host, whether TCP becomes MPTCP:
 * a TCP stream socket of a task in an attached cgroup or below it, in a covered
 * network namespace whose MPTCP is on.
 *
 * Hook: fmod_ret on update_socket_protocol(), called by __sys_socket() alone.
 * Fails to plain TCP: 0 means "no opinion", so that the kernel's own answer and
 * every other program on the hook stand (a non-zero one would silence them,
 * "return protocol" included).
 *
 * Two programs, as the kernel leaves one out that it finds running on this CPU
 * already (__bpf_prog_enter_recur): where it preempts tasks, amid the socket(2) of
 * another one. What upgrade left out, upgrade_2 decides.
 */
#include "maps.h"
#include "mptcp_pernet.h"
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_TYPE_MASK 0xf /* the rest is SOCK_CLOEXEC and SOCK_NONBLOCK */
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

char LICENSE[] SEC("license") = "GPL";

/* The beginning of the build id, set at load. While another build takes over,
 * both programs run, the newer one first: of what both see, the one that `meta`
 * names counts. What is upgraded the second one does not see. */
const volatile __u64 own_build;

/* The task that upgrade has left TCP, until upgrade_2 sees it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* its address */
} decided SEC(".maps");

/*
 * The nearest attached ancestor of the current task's cgroup: one helper call
 * and one look-up for each level in use, however deep the task's own cgroup.
 * Levels count from the root (0), which cannot be attached.
 */
static __always_inline struct mma_service_ref *attached_service(__u64 levels)
{
	struct mma_service_ref *nearest = NULL, *service;
	__u64 id;

	for (int level = 0; level <= MMA_MAX_LEVEL && levels; level++) {
		bool in_use = levels & 1;

		levels >>= 1;
		if (!in_use)
			continue;
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id) /* the task's cgroup is not as deep */
			break;
		service = bpf_map_lookup_elem(&cgroups, &id);
		if (service)
			nearest = service;
	}
	return nearest;
}

/*
 * Why a socket of an attached service stays TCP, or MMA_UPGRADED. With MPTCP
 * off, socket(IPPROTO_MPTCP) would fail with ENOPROTOOPT and stop the server,
 * hence the look at the flag that the sysctl net.mptcp.enabled sets.
 */
static __always_inline enum mma_counter verdict(const struct mma_meta *m, int family)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct net *net = task->nsproxy->net_ns;
	__u64 cookie = net->net_cookie;
	struct mptcp_pernet *pernet;
	__u8 enabled = 0;

	if (!(family == AF_INET ? m->mptcp_ipv4 : m->mptcp_ipv6))
		return MMA_KEPT_NO_FAMILY;
	if (!bpf_map_lookup_elem(&netns, &cookie))
		return MMA_KEPT_UNCOVERED;
	pernet = pernet_at(net->gen, m->mptcp_pernet_id);
	if (!pernet || BPF_CORE_READ_INTO(&enabled, pernet, mptcp_enabled))
		return MMA_KEPT_UNKNOWN;
	return enabled ? MMA_UPGRADED : MMA_KEPT_MPTCP_OFF;
}

static __always_inline bool is_tcp(int family, int type, int protocol)
{
	return (family == AF_INET || family == AF_INET6) &&
	       (type & SOCK_TYPE_MASK) == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP);
}

static __always_inline int decide(int family)
{
	struct mma_service_ref *service;
	enum mma_counter why;
	struct mma_meta *m;
	__u32 zero = 0;

	m = bpf_map_lookup_elem(&meta, &zero);
	if (!m)
		return 0;
	service = attached_service(m->levels);
	if (!service)
		return 0;
	why = verdict(m, family);
	if (why == MMA_UPGRADED || *(__u64 *)m->build_id == own_build)
		count(service->slot, why);
	return why == MMA_UPGRADED ? IPPROTO_MPTCP : 0;
}

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(upgrade, int family, int type, int protocol)
{
	__u64 *task;
	__u32 zero = 0;
	int chosen;

	if (!is_tcp(family, type, protocol))
		return 0;
	chosen = decide(family);
	task = bpf_map_lookup_elem(&decided, &zero);
	if (!chosen && task)
		*task = (__u64)bpf_get_current_task_btf();
	return chosen;
}

/* Runs after upgrade, and only where that has not upgraded. */
SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(upgrade_2, int family, int type, int protocol)
{
	__u64 *task;
	__u32 zero = 0;

	if (!is_tcp(family, type, protocol))
		return 0;
	task = bpf_map_lookup_elem(&decided, &zero);
	if (task && *task == (__u64)bpf_get_current_task_btf()) {
		*task = 0;
		return 0;
	}
	return decide(family);
}
