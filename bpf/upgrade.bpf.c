// SPDX-License-Identifier: GPL-2.0-only
/*
 * upgrade: decides, for each socket(2) on the host, whether TCP becomes MPTCP. It
 * does for a TCP stream socket if the task is in or below an attached cgroup and can
 * use the allowlist, and the network namespace is covered and has MPTCP enabled.
 *
 * Any task can use the allowlist if it allows a port to connect to, or an unprivileged
 * port to listen on (net.ipv4.ip_unprivileged_port_start). Otherwise only a task that
 * may bind a privileged port can: the sockets of other tasks can never be on a listed
 * port, and stay TCP.
 *
 * Hook: fmod_ret on update_socket_protocol(), which only __sys_socket() calls. Fails
 * to plain TCP. It returns 0 for "no opinion", so that the kernel's own answer and
 * every other program on the hook still count. Any other value would silence them,
 * even "return protocol".
 *
 * Two programs, because the kernel skips a program that is already running on this CPU
 * (__bpf_prog_enter_recur). On a preemptible kernel this happens when one task preempts
 * another in socket(2). upgrade_2 decides what upgrade missed. On other kernels only
 * upgrade is attached.
 */
#include "maps.h"
#include "mptcp_pernet.h"
#include "service.h"
#include "tcp.h"

#define SOCK_TYPE_MASK 0xf /* excludes SOCK_CLOEXEC and SOCK_NONBLOCK */

/* linux/capability.h */
#define CAP_NET_BIND_SERVICE 10
#define CAP_NET_ADMIN 12
#define CAP_NET_RAW 13

char LICENSE[] SEC("license") = "GPL";

/* The first 8 bytes of the build id, set at load. During a takeover the programs of
 * both builds run, the newer build's first. If both see a socket, only the build that
 * `meta` names counts it. The second one does not see a socket that the first upgraded. */
const volatile __u64 own_build;

/* The task of a service whose socket upgrade just left TCP; upgrade_2 clears it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* struct task_struct *, or 0 */
} decided SEC(".maps");

/*
 * Caches cgroups that have no attached ancestor and are not attached: for most sockets
 * this is enough. The index is the cgroup's id modulo the size; of two ids that share
 * it, the later one stays. An entry is valid only in the epoch that began before its
 * search, so the loader begins a new epoch after it adds an id to `cgroups`. follow
 * adds only ids of new cgroups, which cannot be cached yet.
 *
 * An entry is epoch * 2^32 + id. Only ids below 2^32 are entered: kernfs does not give
 * them out again. For a larger id, the sum would be an entry of an epoch to come.
 */
#define BYSTANDERS 4096
static __u64 bystanders[BYSTANDERS];

/* The value of `meta` at an address that is known at load, so that a bystander looks
 * nothing up: the loader gives this section's map the pin of `meta`. */
struct mma_meta meta_value SEC(".bss.meta");

/* The service of the nearest attached ancestor, which usually is the cgroup itself. */
static __always_inline bool attached_service(struct cgroup *own, __u64 own_id, __u64 levels,
					     __u32 *ret_slot)
{
	struct service_search search = { .cgroup = (__u64)own, .levels = levels };
	struct mma_service_ref *service;

	service = bpf_map_lookup_elem(&cgroups, &own_id);
	if (service) {
		*ret_slot = service->slot;
		return true;
	}
	search.level = own->level - 1;
	if (!find_service(&search))
		return false;
	*ret_slot = search.slot;
	return true;
}

/*
 * Whether a task with these credentials may listen on a privileged port of the
 * namespace, or on any port through TPROXY (IP_TRANSPARENT). Checks the permitted
 * capabilities, which the task can make effective. Those of another user namespace
 * follow their own rules (cap_capable): true, as in every case of doubt.
 */
static __always_inline bool may_bind(const struct cred *cred, const struct net *net)
{
	if (!bpf_core_field_exists(cred->cap_permitted.val) || cred->user_ns != net->user_ns)
		return true;
	return cred->cap_permitted.val &
	       (1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);
}

/* Whether a task without these capabilities can be on a listed port, too. */
static __always_inline bool list_is_for_anybody(const struct net *net)
{
	__u32 loaders = MMA_SUMMARY_OF_LOADER, watchs = MMA_SUMMARY_OF_WATCH;
	struct mma_summary *known = bpf_map_lookup_elem(&summary, &loaders);
	struct mma_summary *seen = bpf_map_lookup_elem(&summary, &watchs);
	struct mma_summary list;

	if (!known || !seen || !bpf_core_field_exists(net->ipv4.sysctl_ip_prot_sock))
		return true;
	*(__u64 *)&list = *(volatile __u64 *)known; /* one read: the loader may be writing */
	if (list.state != MMA_SUMMARY_KNOWN || list.edits != seen->edits)
		return true;
	return list.connects || (int)list.highest_listen >= net->ipv4.sysctl_ip_prot_sock;
}

/* Checks the thread group leader, too: one thread may bind another one's socket. */
static __always_inline bool can_use_list(const struct task_struct *task, const struct net *net)
{
	return may_bind(task->cred, net) || list_is_for_anybody(net) ||
	       may_bind(task->group_leader->cred, net);
}

/*
 * MMA_UPGRADED, or why a socket of a service stays TCP. With MPTCP disabled,
 * socket(IPPROTO_MPTCP) would fail with ENOPROTOOPT and stop the server. So this
 * reads the flag that the sysctl net.mptcp.enabled sets.
 */
static __always_inline enum mma_counter verdict(const struct mma_meta *m, void *current, int family)
{
	/* The cast takes the verifier's trust away: for each pointer loaded from a trusted one
	 * it searches the names of all kernel types (btf_nested_type_is_trusted). */
	const struct task_struct *task = rdonly_cast(current, number_of_task_struct);
	struct net *net = task->nsproxy->net_ns;
	__u64 cookie = net->net_cookie;
	struct mptcp_pernet *pernet;

	if (!can_use_list(task, net))
		return MMA_KEPT_NO_PORT;
	if (!(family == AF_INET ? m->mptcp_ipv4 : m->mptcp_ipv6))
		return MMA_KEPT_NO_FAMILY;
	if (!bpf_map_lookup_elem(&netns, &cookie))
		return MMA_KEPT_UNCOVERED;
	pernet = typed_pernet_at(net->gen, m->mptcp_pernet_id);
	if (!pernet)
		return MMA_KEPT_UNKNOWN;
	return pernet->mptcp_enabled ? MMA_UPGRADED : MMA_KEPT_MPTCP_OFF;
}

/*
 * AF_INET or AF_INET6, SOCK_STREAM, and an even protocol up to IPPROTO_TCP, in one
 * branch. decide() excludes protocols 2 and 4, which no stream socket has.
 */
static __always_inline bool may_be_tcp(__u32 family, __u32 type, __u32 protocol)
{
	return !(((family - AF_INET) & ~(AF_INET6 - AF_INET)) |
		 ((type & SOCK_TYPE_MASK) ^ SOCK_STREAM) | (protocol & ~IPPROTO_TCP));
}

static __always_inline __u64 bystander(__u32 epoch, __u64 id)
{
	return ((__u64)epoch << 32) + id;
}

/* Not inlined: a bystander's socket need not save the registers that this uses. */
static __noinline int decide(const __u64 *args, struct task_struct *task, struct cgroup *own,
			     __u64 id, bool second)
{
	__u32 protocol = args[2], slot, zero = 0;
	enum mma_counter why;
	__u64 entry, *left;

	if (protocol * (protocol ^ IPPROTO_TCP))
		return 0;
	/* Read the epoch before the lookup. A CPU that reorders them (arm64 may) could miss
	 * an id that the loader is adding, and cache the miss for the epoch that begins
	 * after it. That entry would stay wrong. */
	entry = bystander(read_in_order(&meta_value.epoch), id);
	if (!attached_service(own, id, meta_value.levels, &slot)) {
		if (!(id >> 32)) /* true until some 2^31 cgroups and their files were made */
			bystanders[id % BYSTANDERS] = entry;
		return 0;
	}
	left = bpf_map_lookup_elem(&decided, &zero);
	if (!left)
		return 0;
	if (second && *left == (__u64)task) {
		*left = 0;
		return 0;
	}
	why = verdict(&meta_value, task, args[0]);
	if (why == MMA_UPGRADED || *(__u64 *)meta_value.build_id == own_build)
		count(slot, why);
	if (why == MMA_UPGRADED)
		return IPPROTO_MPTCP;
	if (!second)
		*left = (__u64)task;
	return 0;
}

static __always_inline int decide_unless_bystander(const __u64 *args, bool second)
{
	struct task_struct *task;
	struct cgroup *own;
	__u64 id;

	if (!may_be_tcp(args[0], args[1], args[2]))
		return 0;
	task = bpf_get_current_task_btf();
	own = task->cgroups->dfl_cgrp;
	id = own->kn->id;
	if (bystanders[id % BYSTANDERS] == bystander(meta_value.epoch, id))
		return 0;
	return decide(args, task, own, id, second);
}

/* args: family, type and protocol */
SEC("fmod_ret/update_socket_protocol")
int upgrade(__u64 *args)
{
	return decide_unless_bystander(args, false);
}

/* Runs after upgrade, and only if that did not upgrade the socket. */
SEC("fmod_ret/update_socket_protocol")
int upgrade_2(__u64 *args)
{
	return decide_unless_bystander(args, true);
}
