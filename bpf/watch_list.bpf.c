// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch_list: notices an edit of `ports`, by bpftool or anyone else, that allows more
 * than upgrade knows of. It counts the edit. upgrade then treats the loader's summary
 * as outdated and lets any task use the allowlist, until the loader runs again. So the
 * next socket of an unprivileged task can be MPTCP on a newly listed port. An edit that
 * only removes permissions is not urgent.
 *
 * Hook: fexit on bpf_map_update_value(), through which bpf(2) updates maps, single
 * values and batches. The function is internal to the kernel. Where it is missing,
 * nothing watches the map, and upgrade always lets any task use the allowlist
 * (loader/attached/observers.c). A failure has the same effect. Changes nothing else.
 *
 * Two programs, as in upgrade: a preemptible kernel skips a program that is already
 * running on this CPU. Both may count the same edit, which does no harm.
 */
#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool covers(const struct mma_summary *list, __u16 port, __u8 roles)
{
	if ((roles & MMA_ROLE_CONNECT) && !list->connects)
		return false;
	if (!(roles & MMA_ROLE_LISTEN))
		return true;
	return list->highest_listen >= (port == MMA_PORT_ALL ? MMA_MAX_PORTS - 1 : port);
}

static __always_inline void notice(const void *key, const void *value)
{
	__u32 loaders = MMA_SUMMARY_OF_LOADER, watchs = MMA_SUMMARY_OF_WATCH, edits;
	struct mma_summary *known = bpf_map_lookup_elem(&summary, &loaders);
	struct mma_summary *seen = bpf_map_lookup_elem(&summary, &watchs);
	struct mma_summary list;
	__u16 port = MMA_PORT_ALL; /* unless it can be read */
	__u8 roles = MMA_ROLE_BOTH;

	if (!known || !seen)
		return;
	bpf_probe_read_kernel(&port, sizeof(port), key);
	bpf_probe_read_kernel(&roles, sizeof(roles), value);
	if (!(roles & MMA_ROLE_BOTH))
		return;
	/*
	 * The edit is already in the map. The loader writes MMA_SUMMARY_IN_WORK and then
	 * reads the map. So either the loader sees the edit, or we see that state.
	 */
	edits = read_in_order(&seen->edits);
	*(__u64 *)&list = *(volatile __u64 *)known;
	if (list.state == MMA_SUMMARY_KNOWN && (list.edits != edits || covers(&list, port, roles)))
		return; /* already outdated, or covered by the summary */
	__sync_fetch_and_add(&seen->edits, 1);
}

SEC("fexit/bpf_map_update_value")
int BPF_PROG(watch_list, const void *map, void *file, void *key, void *value, __u64 flags, int ret)
{
	if (!ret && map == (void *)&ports)
		notice(key, value);
	return 0;
}

SEC("fexit/bpf_map_update_value")
int BPF_PROG(watch_list_2, const void *map, void *file, void *key, void *value, __u64 flags,
	     int ret)
{
	if (!ret && map == (void *)&ports)
		notice(key, value);
	return 0;
}
