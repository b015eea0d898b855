/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where MPTCP keeps its state of a network namespace: net->gen->ptr[id] is a
 * struct mptcp_pernet (net/mptcp/ctrl.c). The id is fixed at boot.
 */
#ifndef MMA_MPTCP_PERNET_H
#define MMA_MPTCP_PERNET_H

#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

static __always_inline struct mptcp_pernet *pernet_at(struct net_generic *gen, __u32 id)
{
	struct mptcp_pernet *p = NULL;
	/* The verifier wants the index widened before the pointer arithmetic. */
	__u64 offset = bpf_core_field_offset(struct net_generic, ptr) + (__u64)id * sizeof(void *);

	if (bpf_probe_read_kernel(&p, sizeof(p), (char *)gen + offset))
		return NULL;
	return p;
}

/* The same without a helper call. Unreadable memory reads as 0. */
static __always_inline struct mptcp_pernet *typed_pernet_at(struct net_generic *gen, __u32 id)
{
	__u64 offset = bpf_core_field_offset(struct net_generic, ptr) + (__u64)id * sizeof(void *);
	/* Any type that begins with a pointer will do. */
	struct list_head *slot = rdonly_cast((char *)gen + offset, number_of_list_head);

	return rdonly_cast(slot->next, number_of_mptcp_pernet);
}

#endif
