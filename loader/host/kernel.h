/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel supports. */
#ifndef MMA_KERNEL_H
#define MMA_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_HOOK "update_socket_protocol" /* the hook of upgrade */
#define KERNEL_NO_TRAMPOLINES \
	"this kernel can call no BPF program from its functions, because it has no JIT compiler for BPF"
#define KERNEL_NEED_JIT \
	"use a kernel with CONFIG_BPF_JIT=y (s390x: one built for z196 or newer; Debian's is not)"

/* Finds the address families for which the kernel has MPTCP by creating a socket of each; in a new
 * namespace if MPTCP is switched off in ours. Returns 0, or -errno if that could not be tried;
 * then both are false. */
int kernel_mptcp_families(bool *ret_ipv4, bool *ret_ipv6);

/* Whether the kernel has BTF, and the hook of upgrade. */
bool kernel_has_btf(void);
bool kernel_has_hook(void);
/* Whether the kernel can call BPF programs from its functions. It does so only for programs that it
 * compiles to machine code: Debian's s390x kernel cannot. */
bool kernel_has_trampolines(void);
/* The BTF id of the hook's function; 0: none. */
uint32_t kernel_hook_type(void);

/* Whether the kernel is preemptible, so that it may stop a task in the kernel to run another
 * one: 1, 0, or -errno if unknown (debugfs is not mounted). Root may change it at any time
 * (preempt= of PREEMPT_DYNAMIC). */
int kernel_preempts(void);

/* Turns the failure to load or attach the upgrade program into a fault that
 * names what is missing. Returns -err. */
int kernel_explain(int err, const char *operation);

#endif
