// SPDX-License-Identifier: GPL-2.0-only
#include "attached/summary.h"
#include "attached/observers.h"
#include "ports.h"
#include "report.h"

#include <bpf/bpf.h>
#include <string.h>

static const __u32 of_loader = MMA_SUMMARY_OF_LOADER, of_watch = MMA_SUMMARY_OF_WATCH;

static int write_state(const struct maps *maps, struct mma_summary *list,
		       enum mma_summary_state state)
{
	list->state = (__u8)state;
	return bpf_map_update_elem(maps->summary, &of_loader, list, BPF_ANY);
}

/* Writes the entry in two steps, so that readers never see a mixture: only the state makes the
 * rest valid, and it is written last. */
static int write_known(const struct maps *maps, const struct mma_summary *known)
{
	struct mma_summary list = *known;
	int err = write_state(maps, &list, MMA_SUMMARY_IN_WORK);

	return err ? err : write_state(maps, &list, MMA_SUMMARY_KNOWN);
}

/* Orders two system calls whose effects the BPF programs must see in this order. */
static void in_order(void)
{
	__sync_synchronize();
}

static int narrow(const struct maps *maps)
{
	struct mma_summary list, seen;
	struct port_grants grants;
	int err = bpf_map_lookup_elem(maps->summary, &of_loader, &list);

	/* From here on every grant counts as an edit, even one that the reading below misses. */
	if (!err)
		err = write_state(maps, &list, MMA_SUMMARY_IN_WORK);
	in_order();
	if (!err)
		err = bpf_map_lookup_elem(maps->summary, &of_watch, &seen);
	in_order();
	if (!err)
		err = ports_grants(maps->ports, &grants);
	if (err)
		return err;
	list.edits = seen.edits;
	list.highest_listen = grants.highest_listen;
	list.connects = grants.connects;
	return write_known(maps, &list);
}

/* Reads the summary; returns false unless it covers every grant, as far as the watch has seen. */
static bool read_known(const struct maps *maps, struct mma_summary *ret)
{
	struct mma_summary seen;

	return !bpf_map_lookup_elem(maps->summary, &of_loader, ret) &&
	       !bpf_map_lookup_elem(maps->summary, &of_watch, &seen) &&
	       ret->state == MMA_SUMMARY_KNOWN && ret->edits == seen.edits;
}

/* Whether the summary is already as narrow as it can be. Reading the list takes long: the kernel
 * visits 65 536 buckets, however few have an entry. */
static bool is_narrow(const struct maps *maps)
{
	struct port_grants grants;
	struct mma_summary list;

	if (observers_missed_edits() || !read_known(maps, &list))
		return false;
	grants.highest_listen = list.highest_listen;
	grants.connects = list.connects;
	return ports_still_grant(maps->ports, &grants);
}

void summary_forget(const struct maps *maps)
{
	struct mma_summary none = { .state = MMA_SUMMARY_UNKNOWN };

	if (maps->summary >= 0)
		write_state(maps, &none, MMA_SUMMARY_UNKNOWN);
}

static void update(const struct maps *maps, bool unless_narrow)
{
	int err;

	if (maps->summary < 0)
		return;
	if (!observer_is_attached(OBSERVER_LIST)) {
		summary_forget(maps);
		return;
	}
	if (unless_narrow && is_narrow(maps))
		return;
	err = narrow(maps); /* if it fails halfway, anybody may use the list */
	if (err)
		detail("allowlist: cannot be summarized (%s)", strerror(-err));
}

void summary_narrow(const struct maps *maps)
{
	update(maps, false);
}

void summary_check(const struct maps *maps)
{
	update(maps, true);
}

bool summary_is_known(const struct maps *maps)
{
	struct mma_summary list;

	return maps->summary >= 0 && read_known(maps, &list);
}
