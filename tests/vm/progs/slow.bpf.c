// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another program on the tracepoint of follow_mkdir: takes 10 ms, as long as a virtual
 * machine may stand still there. Meanwhile mkdir(2) holds its lock, and its cgroup
 * cannot be opened yet (cgroup_mkdir() calls kernfs_activate() after the tracepoint).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define NS_PER_MS 1000000
#define MAX_LOOPS (1 << 23) /* BPF_MAX_LOOPS */

static long is_over(__u32 i, __u64 *end)
{
	return bpf_ktime_get_ns() >= *end;
}

SEC("raw_tp/cgroup_mkdir")
int slow(void *ctx)
{
	__u64 end = bpf_ktime_get_ns() + 10 * NS_PER_MS;

	bpf_loop(MAX_LOOPS, is_over, &end, 0);
	return 0;
}
