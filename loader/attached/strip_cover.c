// SPDX-License-Identifier: GPL-2.0-only
#include "attached/strip_cover.h"
#include "attached/lock.h"
#include "attached/programs.h"
#include "attached/strip_links.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_QUERY 64 /* BPF_MPROG_MAX; the kernel uses all but one */
#define RELEASE_TRIES 200 /* 10 ms each */
#define MAX_OVERTAKES 10

/* The programs on an interface of the current namespace. */
struct programs_there {
	__u32 n, ids[MAX_QUERY], link_ids[MAX_QUERY];
};

static int query(unsigned int ifindex, struct programs_there *ret)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ret->ids, .link_ids = ret->link_ids,
		    .prog_cnt = MAX_QUERY);
	int err = bpf_prog_query_opts((int)ifindex, BPF_TCX_EGRESS, &opts);

	ret->n = err ? 0 : opts.count;
	return err;
}

enum place { ABSENT, BEHIND, FIRST };

/* The place of our link on this interface of the current namespace. The link's own info does
 * not name the namespace: a moved device takes its link along, and its index may have been
 * reused. */
static enum place place_of(uint64_t cookie, unsigned int ifindex, struct programs_there *ret)
{
	__u32 linked, link_id = strip_pinned(strip_name(cookie, ifindex).name, &linked);

	if (!link_id || query(ifindex, ret))
		return ABSENT;
	for (__u32 i = 0; i < ret->n; i++)
		if (ret->link_ids[i] == link_id)
			return i ? BEHIND : FIRST;
	return ABSENT;
}

/* The link through which the program is already on the interface: a device from another
 * namespace brought it along. */
static int link_there(unsigned int ifindex, int prog_fd)
{
	struct programs_there there;
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_prog_get_info_by_fd(prog_fd, &info, &len);

	if (!err)
		err = query(ifindex, &there);
	if (err)
		return err;
	for (__u32 i = 0; i < there.n; i++)
		if (there.ids[i] == info.id)
			return bpf_link_get_fd_by_id(there.link_ids[i]);
	return -ENOENT;
}

/* The kernel releases a link some time after it is unpinned. Until then the program is still on
 * the interface: EEXIST. */
static int create_link(unsigned int ifindex, int prog_fd, bool *ret_brought)
{
	/* BPF_F_BEFORE without a relative program: first of all. */
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = BPF_F_BEFORE);
	const struct timespec pause = { .tv_nsec = 10000000 };
	int fd;

	*ret_brought = false;
	for (int tries = 0; tries < RELEASE_TRIES; tries++) {
		fd = bpf_link_create(prog_fd, (int)ifindex, BPF_TCX_EGRESS, &first);
		if (fd != -EEXIST)
			return fd;
		fd = link_there(ifindex, prog_fd);
		if (fd >= 0) {
			*ret_brought = true;
			return fd;
		}
		nanosleep(&pause, NULL);
	}
	return -EEXIST;
}

/* State of one strip_cover() call. */
struct cover {
	int prog_fd, second_fd; /* the same program twice; the second is -1 until needed */
	unsigned int overtakes; /* rounds in which another program ran before strip */
};

static int refused(const struct if_nameindex *i, int err)
{
	if (err == EINVAL)
		return fault_kernel(
			EINVAL,
			"%s: the allowlist cannot be enforced (TCX refused); use Linux 6.6 or later",
			i->if_name);
	if (err == ERANGE)
		return fault(
			ENOSPC,
			"%s: the allowlist cannot be enforced: %d programs are attached already; remove one (bpftool net list) to have the namespace covered",
			i->if_name, MAX_QUERY - 1);
	return fault(err, "%s: the allowlist cannot be enforced (%s); the namespace is not covered",
		     i->if_name, strerror(err));
}

static int cover_interface(uint64_t cookie, const struct if_nameindex *i, const struct cover *cover)
{
	bool brought;
	int err, fd = create_link(i->if_index, cover->prog_fd, &brought);

	if (fd == -ENODEV)
		return 0; /* gone in the meantime */
	if (fd < 0)
		return refused(i, -fd);
	err = strip_pin(fd, strip_name(cookie, i->if_index).name, brought);
	close(fd);
	return err;
}

/* Another program runs before ours and may end the chain. The kernel accepts a program only
 * once per interface and cannot move a link. So the old link, in its place, gets a second
 * program of the same code until a new link has ours first. */
static int put_first(uint64_t cookie, const struct if_nameindex *i, struct cover *cover)
{
	struct strip_name pin = strip_name(cookie, i->if_index);
	int err = 0, old, fd;
	bool brought;

	if (cover->second_fd < 0)
		err = programs_load_strip(&cover->second_fd);
	if (err)
		return err;
	old = pin_open(MMA_PIN_LINKS, pin.name);
	if (old < 0)
		return refused(i, -old);
	err = bpf_link_update(old, cover->second_fd, NULL);
	fd = err ? err : create_link(i->if_index, cover->prog_fd, &brought);
	if (fd >= 0) {
		err = strip_pin_instead(fd, pin.name);
		close(fd);
	} else if (fd == -ENOLINK || fd == -ENODEV) {
		err = 0; /* the interface is gone by now */
	} else {
		err = refused(i, -fd);
	}
	close(old);
	return err;
}

struct first_program {
	char name[BPF_OBJ_NAME_LEN];
	__u32 id;
};

static struct first_program first_of(const struct programs_there *there)
{
	struct first_program first = { "?", there->ids[0] };
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(first.id);

	if (fd < 0)
		return first;
	if (!bpf_prog_get_info_by_fd(fd, &info, &len) && info.name[0])
		memcpy(first.name, info.name, sizeof(first.name));
	close(fd);
	return first;
}

/* One round. ret_again: strip was missing on an interface, or not first. */
static int cover_round(uint64_t cookie, struct cover *cover, bool *ret_again)
{
	struct if_nameindex *list = if_nameindex();
	struct programs_there there;
	bool overtaken = false;
	int err = 0;

	if (!list)
		return fault(errno, "interfaces: cannot be listed (%s)", strerror(errno));
	*ret_again = false;
	for (struct if_nameindex *i = list; !err && i->if_index; i++) {
		enum place place = place_of(cookie, i->if_index, &there);

		if (place == FIRST)
			continue;
		*ret_again = true;
		lock_progress();
		if (place == ABSENT) {
			err = cover_interface(cookie, i, cover);
		} else if (cover->overtakes < MAX_OVERTAKES) {
			overtaken = true;
			err = put_first(cookie, i, cover);
		} else {
			struct first_program first = first_of(&there);

			err = fault(
				EBUSY,
				"%s: the program %s (id %u) moves before the allowlist's each time; attach it behind, or remove it (bpftool net list), then run --refresh",
				i->if_name, first.name, first.id);
		}
	}
	cover->overtakes += overtaken;
	if_freenameindex(list);
	return err;
}

static int cover_here(const struct netns *netns, void *cover)
{
	bool again = true;
	int err;

	do
		err = cover_round(netns->cookie, cover, &again);
	while (!err && again);
	return err;
}

int strip_cover(const struct maps *maps, const struct netns *netns)
{
	struct mma_netns entry;
	struct timespec now;
	struct cover cover = {
		.prog_fd = pin_open(MMA_PIN_PROGS, MMA_PIN_STRIP),
		.second_fd = -1,
	};
	int err;

	if (cover.prog_fd < 0)
		return fault(-cover.prog_fd, "%s: cannot be opened (%s)",
			     pin_path(MMA_PIN_PROGS, MMA_PIN_STRIP).path, strerror(-cover.prog_fd));
	err = netns_run(netns, cover_here, &cover);
	close(cover.prog_fd);
	if (cover.second_fd >= 0)
		close(cover.second_fd);
	if (err || !bpf_map_lookup_elem(maps->netns, &netns->cookie, &entry))
		return err;
	clock_gettime(CLOCK_BOOTTIME, &now);
	entry.since = (__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec;
	err = bpf_map_update_elem(maps->netns, &netns->cookie, &entry, BPF_ANY);
	if (!err)
		return 0;
	strip_uncover(maps, netns->cookie);
	if (err == -E2BIG)
		return fault(
			ENOSPC,
			"network namespace %" PRIu64
			": netns: full, %d are covered; remove those that are not needed, or detach everything and attach again",
			netns->cookie, MMA_MAX_NETNS);
	return fault(-err, "network namespace %" PRIu64 ": cannot be added to the map (%s)",
		     netns->cookie, strerror(-err));
}

/* Counts the interface; records the first one where another program runs before ours. */
static void measure_behind(const struct programs_there *there, const char *interface,
			   struct strip_coverage *ret)
{
	struct first_program first;

	if (ret->behind++)
		return;
	first = first_of(there);
	snprintf(ret->first_behind, sizeof(ret->first_behind), "%s", interface);
	memcpy(ret->before, first.name, sizeof(ret->before));
	ret->before_id = first.id;
}

static int measure_here(const struct netns *netns, void *data)
{
	struct if_nameindex *list = if_nameindex();
	struct strip_coverage *ret = data;
	struct programs_there there;

	memset(ret, 0, sizeof(*ret));
	if (!list)
		return fault(errno, "interfaces: cannot be listed (%s)", strerror(errno));
	for (struct if_nameindex *i = list; i->if_index; i++) {
		enum place place = place_of(netns->cookie, i->if_index, &there);

		ret->interfaces++;
		if (place == FIRST)
			continue;
		if (place == BEHIND)
			measure_behind(&there, i->if_name, ret);
		if (!ret->uncovered++)
			snprintf(ret->first_uncovered, sizeof(ret->first_uncovered), "%s",
				 i->if_name);
	}
	if_freenameindex(list);
	return 0;
}

int strip_measure(const struct netns *netns, struct strip_coverage *ret)
{
	return netns_run(netns, measure_here, ret);
}
