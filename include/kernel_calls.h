/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel functions (kfuncs) that the programs call. The compiler takes them for helpers with
 * these numbers, which no helper has. Before the load, the loader replaces each number by the
 * function's BTF id (loader/host/kernel_object.h).
 */
#ifndef MMA_KERNEL_CALLS_H
#define MMA_KERNEL_CALLS_H

#define MMA_CALL_RDONLY_CAST 0x6d6d6101
#define MMA_CALL_CAST_TO_KERN_CTX 0x6d6d6102

#endif
