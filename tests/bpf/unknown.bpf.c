// SPDX-License-Identifier: GPL-2.0-only
/* Reads a type that this kernel lacks, if it exists. Only the tests load it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct in_no_kernel {
	int value;
} __attribute__((preserve_access_index));

char LICENSE[] SEC("license") = "GPL";

SEC("tc")
int unknown(struct __sk_buff *ctx)
{
	struct in_no_kernel *type = (void *)ctx;

	return bpf_core_field_exists(type->value);
}
