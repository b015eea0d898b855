// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch_list: notices an edit of `ports`, by whom ever (bpftool, too), that grants
 * more than upgrade knows of, so that the next socket of a task without rights is
 * MPTCP where it can be on a listed port. It counts the edit; upgrade then takes
 * the loader's summary for outdated and grants to anybody until the next run of the
 * loader. What only takes away needs no haste.
 *
 * Hook: fexit on bpf_map_update_value(), by which bpf(2) updates maps, one value
 * or many. It is internal to the kernel: where it is missing, nobody watches and
 * upgrade grants to anybody always (loader/attached/observers.c). Fails to that:
 * changes nothing else.
 *
 * Two programs, as in upgrade: the kernel skips one inside itself where it
 * preempts tasks. Both may count one edit, which does no harm.
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
	__u16 port = MMA_PORT_ALL; /* if it cannot be read */
	__u8 roles = MMA_ROLE_BOTH;

	if (!known || !seen)
		return;
	bpf_probe_read_kernel(&port, sizeof(port), key);
	bpf_probe_read_kernel(&roles, sizeof(roles), value);
	if (!(roles & MMA_ROLE_BOTH))
		return;
	/*
	 * The edit is in the map. Either the loader, which writes MMA_SUMMARY_IN_WORK
	 * and then reads the map, finds it there, or we find that it is in work.
	 */
	edits = read_in_order(&seen->edits);
	*(__u64 *)&list = *(volatile __u64 *)known;
	if (list.state == MMA_SUMMARY_KNOWN && (list.edits != edits || covers(&list, port, roles)))
		return; /* outdated already, or known */
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
