// SPDX-License-Identifier: GPL-2.0-only
/* The smallest possible program on the hook: the cost of the hook itself. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fmod_ret/update_socket_protocol")
int empty(void *ctx)
{
	return 0;
}
