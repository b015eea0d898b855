/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What --audit's BPF program counts, for its loader. Nothing of it is pinned,
 * and both ends are of the same build: no ABI to keep.
 */
#ifndef MMA_AUDIT_ABI_H
#define MMA_AUDIT_ABI_H

#ifdef __bpf__
#include "kernel_types.h"
#else
#include <linux/types.h>
#include <assert.h>
#endif

#define MMA_COMMAND_SIZE 16 /* TASK_COMM_LEN */

/* Different keys at most; what comes after that is counted as lost. */
#define MMA_AUDIT_MAX 16384

enum mma_audit_event {
	MMA_AUDIT_LISTEN, /* listen(2); port: the local one */
	MMA_AUDIT_CONNECT, /* a SYN goes out; port: the remote one */
	MMA_AUDIT_ACCEPT, /* a connection has come; port: the local one */
};

/* Key of `seen`; its value is a __u64, how often. All in host byte order. */
struct mma_audit_key {
	char command[MMA_COMMAND_SIZE]; /* zero-padded; "" where the kernel works for nobody */
	__u16 port;
	__u8 event; /* enum mma_audit_event */
	__u8 loopback; /* listen: on a loopback address; else from or to one */
};

#ifndef __bpf__
static_assert(sizeof(struct mma_audit_key) == 20, "no padding in a key");
#endif

#endif
