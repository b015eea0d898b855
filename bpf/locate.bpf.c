// SPDX-License-Identifier: GPL-2.0-only
/*
 * locate: finds, once at load, the id under which MPTCP registered its state of a
 * network namespace. The loader runs it with BPF_PROG_TEST_RUN; it is never
 * attached. On failure it returns 0, and the loader arms nothing.
 *
 * The id is a static variable of the kernel (mptcp_pernet_id) that not every kernel
 * exports in kallsyms. So locate checks every slot of net->gen. MPTCP's is the one
 * whose first sysctl points back into the structure (mptcp_pernet_new_table); no
 * other structure does that.
 */
#include "mptcp_pernet.h"
#include <linux/bpf.h>

#define MAX_IDS 512

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_mptcp(struct mptcp_pernet *p)
{
	struct ctl_table_header *hdr = NULL;
	struct ctl_table *table = NULL;
	void *data = NULL;

	if (BPF_CORE_READ_INTO(&hdr, p, ctl_table_hdr) || !hdr)
		return false;
	if (BPF_CORE_READ_INTO(&table, hdr, ctl_table) || !table)
		return false;
	if (BPF_CORE_READ_INTO(&data, table, data))
		return false;
	return data == (void *)p + bpf_core_field_offset(struct mptcp_pernet, mptcp_enabled);
}

struct search {
	struct net_generic *gen;
	__u32 len; /* of gen->ptr */
	__u32 found; /* MPTCP's id; 0: none so far */
	bool doubt; /* more than one id matched */
};

static long look_at(__u64 id, void *data)
{
	struct search *search = data;
	struct mptcp_pernet *p;

	if (id >= search->len)
		return 1;
	p = pernet_at(search->gen, id);
	if (!p || !is_mptcp(p))
		return 0;
	if (search->found)
		search->doubt = true;
	search->found = id;
	return 0;
}

SEC("raw_tp")
int locate(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net_generic *gen = BPF_CORE_READ(task, nsproxy, net_ns, gen);
	struct search search = { .gen = gen, .len = BPF_CORE_READ(gen, s.len) };

	bpf_loop(MAX_IDS, look_at, &search, 0);
	return search.doubt ? 0 : search.found;
}
