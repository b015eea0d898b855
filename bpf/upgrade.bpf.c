// SPDX-License-Identifier: GPL-2.0-only
/*
 * upgrade: decides, for each socket(2) on the host, whether TCP becomes MPTCP:
 * a TCP stream socket of a task in an attached cgroup or below it that can use a
 * port on the list, in a covered network namespace whose MPTCP is on.
 *
 * Who can use the list: while it grants no port for connections, and no port to
 * listen on that is open to everybody (net.ipv4.ip_unprivileged_port_start), only a
 * task that may bind a privileged port. The others' sockets can never be on a listed
 * port, and are left alone.
 *
 * Hook: fmod_ret on update_socket_protocol(), called by __sys_socket() alone.
 * Fails to plain TCP: 0 means "no opinion", so that the kernel's own answer and
 * every other program on the hook stand (a non-zero one would silence them,
 * "return protocol" included).
 *
 * Two programs, as the kernel leaves one out that it finds running on this CPU
 * already (__bpf_prog_enter_recur): where it preempts tasks, during the socket(2) of
 * another one. What upgrade left out, upgrade_2 decides. Where it does not, only
 * upgrade is attached.
 */
#include "maps.h"
#include "mptcp_pernet.h"
#include "service.h"
#include "tcp.h"
#include <bpf/bpf_tracing.h>

#define SOCK_TYPE_MASK 0xf /* the rest is SOCK_CLOEXEC and SOCK_NONBLOCK */

/* linux/capability.h */
#define CAP_NET_BIND_SERVICE 10
#define CAP_NET_ADMIN 12
#define CAP_NET_RAW 13

char LICENSE[] SEC("license") = "GPL";

/* The beginning of the build id, set at load. While another build takes over,
 * both programs run, the newer one first: of what both see, the one that `meta`
 * names counts. What is upgraded the second one does not see. */
const volatile __u64 own_build;

/* The attached task that upgrade has left TCP, until upgrade_2 sees it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* its address */
} decided SEC(".maps");

/*
 * Cgroups that are not attached, nor is one above them: all that most sockets
 * need to know. The place is the cgroup's id modulo the size; of two that share
 * it, the later one is there. An entry counts in the epoch that began before its
 * search alone, so the loader begins another one after it has entered an id.
 * What follow enters is new, and was never searched for.
 */
#define BYSTANDERS 4096
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BYSTANDERS);
	__type(key, __u32);
	__type(value, __u64); /* epoch << 32 | id */
} bystanders SEC(".maps");

/* The service of the nearest attached ancestor of this cgroup: itself, mostly. */
static __always_inline bool attached_service(struct cgroup *own, __u64 levels, __u32 *ret_slot)
{
	struct service_search search = { .cgroup = (__u64)own, .levels = levels };
	struct mma_service_ref *service;
	__u64 id = own->kn->id;

	service = bpf_map_lookup_elem(&cgroups, &id);
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
 * namespace, or on any by TPROXY (IP_TRANSPARENT). Permitted is what it can make
 * effective. Rights in another user namespace are a matter of their own
 * (cap_capable): yes, as is every doubt.
 */
static __always_inline bool may_bind(const struct cred *cred, const struct net *net)
{
	if (!bpf_core_field_exists(cred->cap_permitted.val) || cred->user_ns != net->user_ns)
		return true;
	return cred->cap_permitted.val &
	       (1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);
}

/* Whether somebody without these rights can be on a port of the list, too. */
static __always_inline bool list_is_for_anybody(const struct net *net)
{
	__u32 loaders = MMA_SUMMARY_OF_LOADER, watchs = MMA_SUMMARY_OF_WATCH;
	struct mma_summary *known = bpf_map_lookup_elem(&summary, &loaders);
	struct mma_summary *seen = bpf_map_lookup_elem(&summary, &watchs);
	struct mma_summary list;

	if (!known || !seen || !bpf_core_field_exists(net->ipv4.sysctl_ip_prot_sock))
		return true;
	*(__u64 *)&list = *(volatile __u64 *)known; /* at once: the loader may write */
	if (list.state != MMA_SUMMARY_KNOWN || list.edits != seen->edits)
		return true;
	return list.connects || (int)list.highest_listen >= net->ipv4.sysctl_ip_prot_sock;
}

/* The leader, too: one thread may bind what another one has made. */
static __always_inline bool can_use_list(const struct task_struct *task, const struct net *net)
{
	return may_bind(task->cred, net) || list_is_for_anybody(net) ||
	       may_bind(task->group_leader->cred, net);
}

/*
 * Why a socket of an attached service stays TCP, or MMA_UPGRADED. With MPTCP
 * off, socket(IPPROTO_MPTCP) would fail with ENOPROTOOPT and stop the server,
 * hence the look at the flag that the sysctl net.mptcp.enabled sets.
 */
static __always_inline enum mma_counter verdict(const struct mma_meta *m,
						const struct task_struct *task, int family)
{
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

static __always_inline bool is_tcp(int family, int type, int protocol)
{
	return (family == AF_INET || family == AF_INET6) &&
	       (type & SOCK_TYPE_MASK) == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP);
}

static __always_inline int decide(int family, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *own = task->cgroups->dfl_cgrp;
	__u64 id = own->kn->id, entry, *bystander, *left;
	__u32 place = id % BYSTANDERS, zero = 0;
	bool fits = !(id >> 32); /* does not after some 2^31 cgroups and their files */
	enum mma_counter why;
	struct mma_meta *m;
	__u32 slot;

	m = bpf_map_lookup_elem(&meta, &zero);
	bystander = bpf_map_lookup_elem(&bystanders, &place);
	if (!m || !bystander)
		return 0;
	if (fits && *bystander == ((__u64)m->epoch << 32 | id))
		return 0;
	/* The epoch first. A processor that looked up first (arm64 may) could miss an id
	 * that is being entered, and remember the miss under the epoch that begins with
	 * it, in which it is wrong for good. */
	entry = (__u64)read_in_order(&m->epoch) << 32 | id;
	if (!attached_service(own, m->levels, &slot)) {
		if (fits)
			*bystander = entry;
		return 0;
	}
	left = bpf_map_lookup_elem(&decided, &zero);
	if (!left)
		return 0;
	if (second && *left == (__u64)task) {
		*left = 0;
		return 0;
	}
	why = verdict(m, task, family);
	if (why == MMA_UPGRADED || *(__u64 *)m->build_id == own_build)
		count(slot, why);
	if (why == MMA_UPGRADED)
		return IPPROTO_MPTCP;
	if (!second)
		*left = (__u64)task;
	return 0;
}

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(upgrade, int family, int type, int protocol)
{
	return is_tcp(family, type, protocol) ? decide(family, false) : 0;
}

/* Runs after upgrade, and only where that has not upgraded. */
SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(upgrade_2, int family, int type, int protocol)
{
	return is_tcp(family, type, protocol) ? decide(family, true) : 0;
}
