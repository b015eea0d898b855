// SPDX-License-Identifier: GPL-2.0-only
#include "attached/strip_links.h"
#include "attached/lock.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX MMA_PIN_STRIP "-"
#define MOVED PREFIX "moved-" /* followed by the link's id */
#define LOOPBACK_IFINDEX 1 /* lo: in every namespace, created first, removed last */

struct strip_name strip_name(uint64_t cookie, unsigned int ifindex)
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

__u32 strip_pinned(const char *name, __u32 *ret_ifindex)
{
	struct bpf_link_info link;
	bool found = !pin_link_info(name, BPF_LINK_TYPE_TCX, &link);

	*ret_ifindex = found ? link.tcx.ifindex : 0;
	return found ? link.id : 0;
}

/* Frees a name that is needed now. If its link is still on a device, the device has moved: the
 * link stays there, pinned under another name. */
static int make_way(const char *name)
{
	char moved[64];
	__u32 linked, id = strip_pinned(name, &linked);

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

	if (!strcmp(name, link->name) || strip_pinned(name, &linked) != link->id)
		return 0;
	return pin_remove(MMA_PIN_LINKS, name);
}

static int remove_other_names(const char *name)
{
	__u32 linked;
	struct named_link link = { .name = name, .id = strip_pinned(name, &linked) };

	return link.id ? pins_each_link(PREFIX, remove_other_name, &link) : 0;
}

int strip_pin(int fd, const char *name, bool brought)
{
	int err = make_way(name);

	if (!err)
		err = pin_new(fd, MMA_PIN_LINKS, name);
	return err || !brought ? err : remove_other_names(name);
}

int strip_pin_instead(int fd, const char *name)
{
	int err = pin_replace(fd, MMA_PIN_LINKS, name);

	return err ? err : remove_other_names(name);
}

static int remove_link(const char *name, void *cookie)
{
	uint64_t named;
	unsigned int ifindex;

	lock_progress();
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
	lock_progress();
	err = bpf_link_update(fd, *(int *)prog_fd, NULL);
	close(fd);
	/* -ENOLINK: the interface is gone; strip_sweep() unpins the link. -EEXIST: the
	 * interface has the program through another link, left by a run that was killed while
	 * it put strip first; strip_cover() removes one of the two. */
	if (err == -ENOLINK || err == -EEXIST)
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

	if (!strip_pinned(name, &linked) || linked) /* unreadable does not mean gone */
		return 0;
	detail("%s: its interface is gone; removed", pin_path(MMA_PIN_LINKS, name).path);
	/* When lo goes, so does the namespace. */
	if (read_name(name, &cookie, &ifindex) && ifindex == LOOPBACK_IFINDEX)
		bpf_map_delete_elem(maps->netns, &cookie);
	return pin_remove(MMA_PIN_LINKS, name);
}

int strip_sweep(const struct maps *maps)
{
	return pins_each_link(PREFIX, sweep_link, (void *)maps);
}
