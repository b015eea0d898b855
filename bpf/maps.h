/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map, defined once for all programs: weak, so that the linker of
 * libbpf merges them in the one object. Values: include/abi.h.
 */
#ifndef MMA_MAPS_H
#define MMA_MAPS_H

#include "abi.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* port -> roles. Written by the loader and by bpftool; holds every port. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_PORTS);
	__type(key, __u16);
	__type(value, __u8);
} ports __weak SEC(".maps");

/* cgroup id -> service, of the cgroups that exist. Written by the loader and
 * by follow. Full: the new cgroup stays TCP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_CGROUPS);
	__type(key, __u64);
	__type(value, struct mma_service_ref);
} cgroups __weak SEC(".maps");

/* cgroup id -> service, of cgroups that were attached and whose sockets may
 * live on: strip still covers them. Written by follow and by --detach. Full:
 * the least recently used goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MMA_MAX_DEPARTED);
	__type(key, __u64);
	__type(value, struct mma_service_ref);
} departed __weak SEC(".maps");

/* attached path -> slot. Written by the loader only. Full: --cgroup fails. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_SERVICES);
	__type(key, struct mma_path_key);
	__type(value, struct mma_path);
} paths __weak SEC(".maps");

/* network namespace cookie -> covered: every interface of it carries strip.
 * Written by the loader only. Full: --cgroup fails. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_NETNS);
	__type(key, __u64);
	__type(value, struct mma_netns);
} netns __weak SEC(".maps");

/* slot -> counters. Written by the programs; zeroed when a slot is given out. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MMA_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct mma_stats);
} stats __weak SEC(".maps");

/* service, port and role -> connections. Written by account; a slot's entries go
 * with it. Full: counted as MMA_UNACCOUNTED. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_ACCOUNTS);
	__type(key, struct mma_account_key);
	__type(value, struct mma_account);
} accounts __weak SEC(".maps");

/* What the list grants, in short. Written by the loader and by watch_list, each
 * its own entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MMA_N_SUMMARIES);
	__type(key, __u32);
	__type(value, struct mma_summary);
} summary __weak SEC(".maps");

/* The storage of an MPTCP socket: what it was given before it connects. Written by
 * repair; gone with the socket. No memory: the option fails as without repair. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mma_asked);
} asked __weak SEC(".maps");

/* What this attachment is, and the levels in use. Written by the loader only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mma_meta);
} meta __weak SEC(".maps");

/*
 * Reads a number after all that was done before, and before any look-up that
 * follows. An atomic operation that fetches is a full barrier in the kernel's memory
 * model; this one adds nothing, which the compiler must not know.
 */
static __always_inline __u32 read_in_order(__u32 *number)
{
	__u32 nothing = 0;

	barrier_var(nothing);
	return __sync_fetch_and_add(number, nothing);
}

/* One counter of a service: +1. A slot out of range counts nothing. */
static __always_inline void count(__u32 slot, enum mma_counter counter)
{
	struct mma_stats *s = bpf_map_lookup_elem(&stats, &slot);

	if (s)
		__sync_fetch_and_add(&s->counters[counter], 1);
}

#endif
