/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the service of a socket or task: the nearest attached ancestor of its
 * cgroup. This is the only walk over ancestors. It starts from a struct cgroup that
 * was read once, because a task may move to another cgroup between two helper calls.
 */
#ifndef MMA_SERVICE_H
#define MMA_SERVICE_H

#include "maps.h"
#include <bpf/bpf_core_read.h>

struct service_search {
	__u64 cgroup; /* struct cgroup *, as a number: the verifier allows arithmetic on it */
	__u64 levels; /* bit n: look n levels below the root (bit 0 is unused) */
	int level; /* where to start, going up; not below the cgroup's own level */
	bool departed; /* also match departed cgroups */
	bool found; /* out */
	__u32 slot; /* out, if found: the service's */
};

static long look_at_level(__u64 step, void *data)
{
	struct service_search *search = data;
	struct mma_service_ref *service;
	struct cgroup *ancestor;
	int level = search->level - (int)step;
	__u64 at, id;

	if (level <= 0)
		return 1;
	if (!(search->levels >> (level & MMA_MAX_LEVEL) & 1))
		return 0;
	at = search->cgroup + bpf_core_field_offset(struct cgroup, ancestors) +
	     (__u64)level * sizeof(ancestor);
	if (bpf_probe_read_kernel(&ancestor, sizeof(ancestor), (void *)at))
		return 0;
	id = BPF_CORE_READ(ancestor, kn, id);
	service = bpf_map_lookup_elem(&cgroups, &id);
	if (!service && search->departed)
		service = bpf_map_lookup_elem(&departed, &id);
	if (!service)
		return 0;
	search->slot = service->slot;
	search->found = true;
	return 1;
}

/* Walks up from search->level, the cgroup's own or one above it, to the root. */
static __always_inline bool find_service(struct service_search *search)
{
	if (search->level > MMA_MAX_LEVEL)
		search->level = MMA_MAX_LEVEL;
	search->found = false;
	bpf_loop(MMA_MAX_LEVEL + 1, look_at_level, search, 0);
	return search->found;
}

/* Finds the service in whose cgroup, by now perhaps departed, a socket was created. */
static __always_inline bool find_service_of_socket(__u64 cgroup, __u64 levels, __u32 *ret_slot)
{
	struct service_search search = { .cgroup = cgroup, .levels = levels, .departed = true };

	if (!cgroup)
		return false;
	search.level = BPF_CORE_READ((struct cgroup *)cgroup, level);
	if (!find_service(&search))
		return false;
	*ret_slot = search.slot;
	return true;
}

#endif
