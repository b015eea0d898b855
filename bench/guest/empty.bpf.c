// SPDX-License-Identifier: GPL-2.0-only
/* The least that a program on the hook can be: what the hook itself takes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fmod_ret/update_socket_protocol")
int empty(void *ctx)
{
	return 0;
}
