/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can and can't. */
#ifndef MMA_KERNEL_H
#define MMA_KERNEL_H

#include <stdbool.h>

#define KERNEL_HOOK "update_socket_protocol" /* upgrade's */
#define KERNEL_NO_TRAMPOLINES \
	"this kernel can call no BPF program from its functions, because it has no JIT compiler for BPF"
#define KERNEL_NEED_JIT \
	"use a kernel with CONFIG_BPF_JIT=y (s390x: one built for z196 or newer; Debian's is not)"

/* The address families of which the kernel makes MPTCP sockets, found by
 * making one, in a fresh namespace where MPTCP is switched off in ours. -errno
 * where that could not be tried; both are false then. */
int kernel_mptcp_families(bool *ret_ipv4, bool *ret_ipv6);

/* Whether it tells its types, and has the hook of upgrade. */
bool kernel_has_btf(void);
bool kernel_has_hook(void);
/* Whether it can call BPF programs from its functions, which a kernel does only if it compiles
 * them to machine code: Debian's s390x cannot. */
bool kernel_has_trampolines(void);
/* Whether it has a function of this name that a program may watch. */
bool kernel_has_function(const char *name);

/* Whether it may stop a task in the kernel to run another one: 1, 0, or -errno where it does
 * not tell (debugfs is not mounted). Root may change it at any time (preempt= of
 * PREEMPT_DYNAMIC). */
int kernel_preempts(void);

/* Turns the failure to load or attach the upgrade program into a fault that
 * names what is missing. Returns -err. */
int kernel_explain(int err, const char *operation);

#endif
