/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can and can't. */
#ifndef MMA_KERNEL_H
#define MMA_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_HOOK "update_socket_protocol" /* upgrade's */

/* The address families of which the kernel makes MPTCP sockets, found by
 * making one, in a fresh namespace where MPTCP is switched off in ours. -errno
 * where that could not be tried; both are false then. */
int kernel_mptcp_families(bool *ret_ipv4, bool *ret_ipv6);

/* Whether it tells its types, and has the hook of upgrade. */
bool kernel_has_btf(void);
bool kernel_has_hook(void);
/* The number of the hook's function among the kernel's types, 0: none. */
uint32_t kernel_hook_type(void);

/* Whether it may stop a task in the kernel to run another one: 1, 0, or -errno where it does
 * not tell (debugfs is not mounted). Root may change it at any time (preempt= of
 * PREEMPT_DYNAMIC). */
int kernel_preempts(void);

/* Turns the failure to load or attach the upgrade program into a fault that
 * names what is missing. Returns -err. */
int kernel_explain(int err, const char *operation);

#endif
