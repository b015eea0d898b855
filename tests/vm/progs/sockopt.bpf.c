// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of another project on the hooks of repair: SO_MARK always reads as 77,
 * IP_TOS cannot be set to 4, and a SO_PRIORITY of 5 becomes 6.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SOL_SOCKET 1
#define SO_PRIORITY 12
#define SO_MARK 36
#define SOL_IP 0
#define IP_TOS 1

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup/getsockopt")
int other_get(struct bpf_sockopt *ctx)
{
	__u32 *value = ctx->optval;

	if (ctx->level == SOL_SOCKET && ctx->optname == SO_MARK &&
	    value + 1 <= (__u32 *)ctx->optval_end)
		*value = 77;
	return 1;
}

SEC("cgroup/setsockopt")
int other_set(struct bpf_sockopt *ctx)
{
	__u32 *value = ctx->optval;

	if (ctx->level == SOL_IP && ctx->optname == IP_TOS && value + 1 <= (__u32 *)ctx->optval_end)
		return *value != 4;
	if (ctx->level == SOL_SOCKET && ctx->optname == SO_PRIORITY && ctx->optlen == 4 &&
	    value + 1 <= (__u32 *)ctx->optval_end && *value == 5)
		*value = 6;
	return 1;
}
