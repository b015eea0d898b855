/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What --audit's BPF program counts, and the loader reads. Nothing here is pinned,
 * and both come from the same build, so this is no stable ABI.
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

/* Maximum number of keys in `seen`. Events with further keys are counted in `lost`. */
#define MMA_AUDIT_MAX 16384

enum mma_audit_event {
	MMA_AUDIT_LISTEN, /* listen(2); port: the local one */
	MMA_AUDIT_CONNECT, /* a SYN is sent; port: the remote one */
	MMA_AUDIT_ACCEPT, /* a connection is accepted; port: the local one */
};

/* Key of `seen`; the value is a __u64 count. All in host byte order. */
struct mma_audit_key {
	char command[MMA_COMMAND_SIZE]; /* zero-padded; "" for MMA_AUDIT_ACCEPT */
	__u16 port;
	__u8 event; /* enum mma_audit_event */
	__u8 loopback; /* 1: listens on, or the remote end is, a loopback address */
};

#ifndef __bpf__
static_assert(sizeof(struct mma_audit_key) == 20, "no padding in a key");
#endif

#endif
