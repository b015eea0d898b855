/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF file system, and whether it is the host's. */
#ifndef MMA_BPFFS_H
#define MMA_BPFFS_H

#include <stdbool.h>

/* Makes sure that MMA_BPFFS is the host's BPF file system; mounts it if the host has none. A
 * private instance would hold a second attachment that nobody else sees: that is a fault with
 * its remedy. */
int bpffs_need(void);

/* The same, without mounting. Returns 0 or a fault. ret_there: false if the host has none, so
 * nothing is attached. */
int bpffs_look(bool *ret_there);

#endif
