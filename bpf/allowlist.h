/* SPDX-License-Identifier: GPL-2.0-only */
/* What the allowlist says of a port, and whose socket one is. */
#ifndef MMA_ALLOWLIST_H
#define MMA_ALLOWLIST_H

#include "maps.h"
#include <bpf/bpf_core_read.h>

static __always_inline bool allowed(__u16 port, __u8 role)
{
	__u16 all = MMA_PORT_ALL;
	__u8 *roles = bpf_map_lookup_elem(&ports, &port);

	if (!roles)
		roles = bpf_map_lookup_elem(&ports, &all);
	return roles && (*roles & role);
}

/* The id of a cgroup's ancestor, itself included; 0: it is not as deep. */
static __always_inline __u64 ancestor_of(__u64 cgroup, int level)
{
	struct cgroup *cgrp = (struct cgroup *)cgroup, *ancestor;
	__u64 at =
		cgroup + bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(ancestor);

	if (level > BPF_CORE_READ(cgrp, level) ||
	    bpf_probe_read_kernel(&ancestor, sizeof(ancestor), (void *)at))
		return 0;
	return BPF_CORE_READ(ancestor, kn, id);
}

/* The service whose cgroup has this id, or had it. */
static __always_inline struct mma_service_ref *service_of(__u64 id)
{
	struct mma_service_ref *service = bpf_map_lookup_elem(&cgroups, &id);

	return service ? service : bpf_map_lookup_elem(&departed, &id);
}

#endif
