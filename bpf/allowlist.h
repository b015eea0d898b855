/* SPDX-License-Identifier: GPL-2.0-only */
/* The lookup of a port in the allowlist. */
#ifndef MMA_ALLOWLIST_H
#define MMA_ALLOWLIST_H

#include "maps.h"

static __always_inline bool allowed(__u16 port, __u8 role)
{
	__u16 all = MMA_PORT_ALL;
	__u8 *roles = bpf_map_lookup_elem(&ports, &port);

	if (!roles)
		roles = bpf_map_lookup_elem(&ports, &all);
	return roles && (*roles & role);
}

#endif
