// SPDX-License-Identifier: GPL-2.0-only
/* strip when no packet can be written, as when the kernel has no memory for a copy of
 * it. Only the tests load it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define bpf_skb_store_bytes(...) (-12) /* -ENOMEM */
#include "strip.bpf.c"
