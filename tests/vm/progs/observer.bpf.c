// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another program on the hook of `upgrade`, as SMC has one: counts the calls of the
 * processes that a test has entered in `observed`, and returns the answer set there.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct observed {
	__u32 calls;
	__u32 result; /* 0: no opinion */
};

/* process id -> what it saw, and the answer that it should get */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct observed);
} observed SEC(".maps");

SEC("fmod_ret/update_socket_protocol")
int observer(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct observed *seen = bpf_map_lookup_elem(&observed, &pid);

	if (!seen)
		return 0;
	__sync_fetch_and_add(&seen->calls, 1);
	return seen->result;
}
