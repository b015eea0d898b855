/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every shared map, defined once for all programs. They are weak, so that libbpf's
 * linker merges them in the one object. include/abi.h has the values.
 */
#ifndef MMA_MAPS_H
#define MMA_MAPS_H

#include "abi.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* port -> roles. Written by the loader and by bpftool. Never full: it has room for
 * every port. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_PORTS);
	__type(key, __u16);
	__type(value, __u8);
} ports __weak SEC(".maps");

/* cgroup id -> service, for cgroups that exist. Written by the loader and by
 * follow. Full: the new cgroup stays TCP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_CGROUPS);
	__type(key, __u64);
	__type(value, struct mma_service_ref);
} cgroups __weak SEC(".maps");

/* cgroup id -> service, for departed cgroups: strip still handles their sockets.
 * Written by follow and by --detach. Full: evicts the least recently used entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MMA_MAX_DEPARTED);
	__type(key, __u64);
	__type(value, struct mma_service_ref);
} departed __weak SEC(".maps");

/* attached path -> slot. Written only by the loader. Full: --cgroup fails. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_SERVICES);
	__type(key, struct mma_path_key);
	__type(value, struct mma_path);
} paths __weak SEC(".maps");

/* The covered network namespaces, by cookie. Written only by the loader. Full:
 * --cgroup fails. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_NETNS);
	__type(key, __u64);
	__type(value, struct mma_netns);
} netns __weak SEC(".maps");

/* slot -> counters. Written by the programs; the loader zeroes a slot when it
 * assigns it. One entry per slot: never full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MMA_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct mma_stats);
} stats __weak SEC(".maps");

/* service, port and role -> connections. Written by account; a slot's entries are
 * deleted with it. Full: the connection counts as MMA_UNACCOUNTED. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MMA_MAX_ACCOUNTS);
	__type(key, struct mma_account_key);
	__type(value, struct mma_account);
} accounts __weak SEC(".maps");

/* What the allowlist grants. The loader and watch_list write one entry each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MMA_N_SUMMARIES);
	__type(key, __u32);
	__type(value, struct mma_summary);
} summary __weak SEC(".maps");

/* Storage of an MPTCP socket: the options that were set before connect(). Written by
 * repair; freed with the socket. Out of memory: the option fails as without repair. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mma_asked);
} asked __weak SEC(".maps");

/* The attached build, what it knows of the kernel, and the cgroup levels in use.
 * Written only by the loader. In upgrade it is also meta_value. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mma_meta);
} meta __weak SEC(".maps");

/*
 * Reads *number after all earlier accesses and before all later lookups. An atomic
 * operation that fetches is a full barrier in the kernel's memory model. This one
 * adds 0; barrier_var() keeps the compiler from knowing that.
 */
static __always_inline __u32 read_in_order(__u32 *number)
{
	__u32 nothing = 0;

	barrier_var(nothing);
	return __sync_fetch_and_add(number, nothing);
}

/* Increments a counter of a service. Does nothing if the slot is out of range. */
static __always_inline void count(__u32 slot, enum mma_counter counter)
{
	struct mma_stats *s = bpf_map_lookup_elem(&stats, &slot);

	if (s)
		__sync_fetch_and_add(&s->counters[counter], 1);
}

#endif
