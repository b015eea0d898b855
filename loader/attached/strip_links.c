// SPDX-License-Identifier: GPL-2.0-only
#include "attached/strip_links.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PREFIX MMA_PIN_STRIP "-"
#define MOVED PREFIX "moved-" /* and the link's id */
#define LOOPBACK_IFINDEX 1 /* in every namespace, first to come, last to go */
#define MAX_QUERY 64 /* BPF_MPROG_MAX, of which the kernel uses all but one */
#define RELEASE_TRIES 200 /* of 10 ms */

struct strip_name {
	char name[64];
};

static struct strip_name strip_name(uint64_t cookie, unsigned int ifindex)
{
	struct strip_name n;

	snprintf(n.name, sizeof(n.name), PREFIX "%" PRIu64 "-%u", cookie, ifindex);
	return n;
}

static bool read_name(const char *name, uint64_t *ret_cookie, unsigned int *ret_ifindex)
{
	char *dash;

	if (strncmp(name, PREFIX, strlen(PREFIX)))
		return false;
	*ret_cookie = strtoull(name + strlen(PREFIX), &dash, 10);
	if (*dash != '-')
		return false;
	*ret_ifindex = (unsigned int)strtoul(dash + 1, NULL, 10);
	return true;
}

/* The id of the pinned link of this name and its interface; 0: none. */
static __u32 pinned_link(const char *name, __u32 *ret_ifindex)
{
	struct bpf_link_info link;
	bool found = !pin_link_info(name, BPF_LINK_TYPE_TCX, &link);

	*ret_ifindex = found ? link.tcx.ifindex : 0;
	return found ? link.id : 0;
}

/* The programs on an interface of the namespace that we are in. */
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

/* Whether the link is on this interface of the namespace that we are in. The
 * link's own info does not tell the namespace: a device that has moved took its
 * link along, and its index may have been given anew. */
static bool is_attached(unsigned int ifindex, __u32 link_id)
{
	struct programs_there there;

	if (!link_id || query(ifindex, &there))
		return false;
	for (__u32 i = 0; i < there.n; i++)
		if (there.link_ids[i] == link_id)
			return true;
	return false;
}

static bool is_covered(uint64_t cookie, unsigned int ifindex)
{
	__u32 linked;

	return is_attached(ifindex, pinned_link(strip_name(cookie, ifindex).name, &linked));
}

/* The link by which the program is on the interface already: a device that came
 * from another namespace has brought it along. */
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

/* The kernel lets go of a link some time after its pin went, and until then has
 * the program there already: EEXIST. */
static int create_link(unsigned int ifindex, int prog_fd, bool *ret_brought)
{
	/* BPF_F_BEFORE with nothing to be before: first of all. */
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

/* A link under a name that is needed now: if it still is on a device, which has
 * moved then, it stays there under another name. */
static int make_way(const char *name)
{
	char moved[64];
	__u32 linked, id = pinned_link(name, &linked);

	if (!linked)
		return 0;
	snprintf(moved, sizeof(moved), MOVED "%u", id);
	if (rename(pin_path(MMA_PIN_LINKS, name).path, pin_path(MMA_PIN_LINKS, moved).path))
		return fault(errno, "%s: cannot be renamed (%s)",
			     pin_path(MMA_PIN_LINKS, name).path, strerror(errno));
	return 0;
}

struct named_link {
	const char *name;
	__u32 id;
};

static int remove_other_name(const char *name, void *data)
{
	const struct named_link *link = data;
	__u32 linked;

	if (!strcmp(name, link->name) || pinned_link(name, &linked) != link->id)
		return 0;
	return pin_remove(MMA_PIN_LINKS, name);
}

static int pin_link(int fd, const char *name, bool brought)
{
	struct named_link link = { .name = name };
	__u32 linked;
	int err = make_way(name);

	if (!err)
		err = pin_new(fd, MMA_PIN_LINKS, name);
	if (err || !brought)
		return err;
	link.id = pinned_link(name, &linked);
	return pins_each_link(PREFIX, remove_other_name, &link);
}

static int cover_interface(uint64_t cookie, const struct if_nameindex *i, int prog_fd)
{
	bool brought;
	int err, fd = create_link(i->if_index, prog_fd, &brought);

	if (fd == -ENODEV)
		return 0; /* went meanwhile */
	if (fd == -EINVAL)
		return fault_kernel(
			EINVAL,
			"%s: strip cannot be attached (TCX refused); Linux 6.6 or later is needed",
			i->if_name);
	if (fd == -ERANGE)
		return fault(
			ENOSPC,
			"%s: strip cannot be attached: full, %d programs are there; remove one (bpftool net list), the namespace is not covered",
			i->if_name, MAX_QUERY - 1);
	if (fd < 0)
		return fault(-fd, "%s: strip cannot be attached (%s); the namespace is not covered",
			     i->if_name, strerror(-fd));
	err = pin_link(fd, strip_name(cookie, i->if_index).name, brought);
	close(fd);
	return err;
}

/* One round; ret_new tells whether any interface was without strip. */
static int cover_round(uint64_t cookie, int prog_fd, bool *ret_new)
{
	struct if_nameindex *list = if_nameindex();
	int err = 0;

	if (!list)
		return fault(errno, "interfaces: cannot be listed (%s)", strerror(errno));
	*ret_new = false;
	for (struct if_nameindex *i = list; !err && i->if_index; i++) {
		if (is_covered(cookie, i->if_index))
			continue;
		*ret_new = true;
		err = cover_interface(cookie, i, prog_fd);
	}
	if_freenameindex(list);
	return err;
}

static int cover_here(const struct netns *netns, void *data)
{
	int *prog_fd = data, err;
	bool again = true;

	do
		err = cover_round(netns->cookie, *prog_fd, &again);
	while (!err && again);
	return err;
}

int strip_cover(const struct maps *maps, const struct netns *netns)
{
	struct mma_netns entry;
	struct timespec now;
	int prog_fd, err;

	prog_fd = pin_open(MMA_PIN_PROGS, MMA_PIN_STRIP);
	if (prog_fd < 0)
		return fault(-prog_fd, "%s: cannot be opened (%s)",
			     pin_path(MMA_PIN_PROGS, MMA_PIN_STRIP).path, strerror(-prog_fd));
	err = netns_run(netns, cover_here, &prog_fd);
	close(prog_fd);
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
			": netns: full, %d are covered; end those that are not needed, or detach all and attach again",
			netns->cookie, MMA_MAX_NETNS);
	return fault(-err, "network namespace %" PRIu64 ": cannot be entered in the map (%s)",
		     netns->cookie, strerror(-err));
}

static int remove_link(const char *name, void *cookie)
{
	uint64_t named;
	unsigned int ifindex;

	if (read_name(name, &named, &ifindex) && (!cookie || named == *(uint64_t *)cookie))
		return pin_remove(MMA_PIN_LINKS, name);
	return 0;
}

int strip_uncover(const struct maps *maps, uint64_t cookie)
{
	bpf_map_delete_elem(maps->netns, &cookie);
	return pins_each_link(PREFIX, remove_link, &cookie);
}

int strip_uncover_all(const struct maps *maps)
{
	uint64_t cookie;

	while (!bpf_map_get_next_key(maps->netns, NULL, &cookie))
		if (bpf_map_delete_elem(maps->netns, &cookie))
			break;
	return pins_each_link(PREFIX, remove_link, NULL);
}

static int update_link(const char *name, void *prog_fd)
{
	int fd = pin_open(MMA_PIN_LINKS, name), err;

	if (fd < 0)
		return 0;
	err = bpf_link_update(fd, *(int *)prog_fd, NULL);
	close(fd);
	if (err == -ENOLINK) /* its interface is gone; strip_sweep() unpins it */
		err = 0;
	return err ? fault(-err, "%s: cannot be moved to the new program (%s)",
			   pin_path(MMA_PIN_LINKS, name).path, strerror(-err))
		   : 0;
}

int strip_update_all(void)
{
	int prog_fd = pin_open(MMA_PIN_PROGS, MMA_PIN_STRIP);
	int err;

	if (prog_fd < 0)
		return fault(-prog_fd, "%s: %s", pin_path(MMA_PIN_PROGS, MMA_PIN_STRIP).path,
			     strerror(-prog_fd));
	err = pins_each_link(PREFIX, update_link, &prog_fd);
	close(prog_fd);
	return err;
}

static int sweep_link(const char *name, void *data)
{
	const struct maps *maps = data;
	unsigned int ifindex;
	uint64_t cookie;
	__u32 linked;

	if (!pinned_link(name, &linked) || linked) /* unreadable is not gone */
		return 0;
	detail("%s: its interface is gone; removed", pin_path(MMA_PIN_LINKS, name).path);
	/* With lo, the namespace. */
	if (read_name(name, &cookie, &ifindex) && ifindex == LOOPBACK_IFINDEX)
		bpf_map_delete_elem(maps->netns, &cookie);
	return pin_remove(MMA_PIN_LINKS, name);
}

int strip_sweep(const struct maps *maps)
{
	return pins_each_link(PREFIX, sweep_link, (void *)maps);
}

static int measure_here(const struct netns *netns, void *data)
{
	struct if_nameindex *list = if_nameindex();
	struct strip_coverage *ret = data;

	memset(ret, 0, sizeof(*ret));
	if (!list)
		return fault(errno, "interfaces: cannot be listed (%s)", strerror(errno));
	for (struct if_nameindex *i = list; i->if_index; i++) {
		ret->interfaces++;
		if (is_covered(netns->cookie, i->if_index))
			continue;
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
