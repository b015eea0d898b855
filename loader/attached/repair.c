// SPDX-License-Identifier: GPL-2.0-only
#include "attached/repair.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "repair-"
#define MAX_QUERY 256 /* each cgroup up to the root can have 64 */

static const struct hook {
	const char *pin; /* the program's; a link's is this, "-" and the cgroup id */
	enum bpf_attach_type type;
	enum bpf_prog_type program;
} hooks[REPAIR_PROGRAMS] = {
	/* setsockopt comes last, and goes first: connect must hand over what it accepts. */
	{ MMA_PIN_REPAIR_GET, BPF_CGROUP_GETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT },
	{ MMA_PIN_REPAIR_CONNECT4, BPF_CGROUP_INET4_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
	{ MMA_PIN_REPAIR_CONNECT6, BPF_CGROUP_INET6_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
	{ MMA_PIN_REPAIR_SET, BPF_CGROUP_SETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT },
};

#define N_HOOKS REPAIR_PROGRAMS

struct link_name {
	char name[64];
};

static struct link_name link_name(const struct hook *hook, uint64_t id)
{
	struct link_name n;

	snprintf(n.name, sizeof(n.name), "%s-%" PRIu64, hook->pin, id);
	return n;
}

void repair_choose(const struct maps *maps, const struct mma_path_key *key, bool wanted)
{
	struct mma_path path;
	__u32 flags;

	if (bpf_map_lookup_elem(maps->paths, key, &path))
		return;
	flags = path.flags & ~(__u32)MMA_PATH_NO_REPAIR;
	if (!wanted)
		flags |= MMA_PATH_NO_REPAIR;
	if (flags == path.flags)
		return;
	path.flags = flags;
	bpf_map_update_elem(maps->paths, key, &path, BPF_EXIST);
}

static int put_on(const struct hook *hook, const char *dir, int dir_fd, uint64_t id)
{
	struct link_name name = link_name(hook, id);
	struct bpf_link_info there;
	int prog, link, err;

	if (!pin_link_info(name.name, BPF_LINK_TYPE_CGROUP, &there) &&
	    there.cgroup.cgroup_id == id &&
	    there.prog_id == pin_program_id(hook->pin, hook->program))
		return 0;
	prog = pin_open(MMA_PIN_PROGS, hook->pin);
	if (prog < 0)
		return fault(
			-prog,
			"%s: socket options cannot be repaired: this kernel did not load the programs; run --check",
			dir);
	link = bpf_link_create(prog, dir_fd, hook->type, NULL);
	close(prog);
	if (link == -ENODEV || link == -ENOENT)
		return 0; /* the cgroup is being removed */
	if (link == -EPERM)
		return fault(
			EPERM,
			"%s: socket options cannot be repaired (%s); a program on this cgroup or above it allows no other: bpftool cgroup tree",
			dir, strerror(EPERM));
	if (link < 0)
		return fault(-link, "%s: socket options cannot be repaired (%s)", dir,
			     strerror(-link));
	err = pin_new(link, MMA_PIN_LINKS, name.name);
	close(link);
	return err;
}

static int put_on_all(const char *dir)
{
	uint64_t id;
	int fd, err = cgroup_open(dir, &fd, &id);

	if (fd < 0)
		return err;
	for (size_t i = 0; !err && i < N_HOOKS; i++)
		err = put_on(&hooks[i], dir, fd, id);
	close(fd);
	return err;
}

static int take_off_all(uint64_t id)
{
	int err = 0;

	for (size_t i = N_HOOKS; !err && i-- > 0;)
		err = pin_remove(MMA_PIN_LINKS, link_name(&hooks[i], id).name);
	return err;
}

void repair_apply(const struct maps *maps, const struct cgroup *cgroup)
{
	struct mma_path path;
	uint64_t id;
	int err = 0;

	if (bpf_map_lookup_elem(maps->paths, &cgroup->key, &path))
		return;
	if (!(path.flags & MMA_PATH_NO_REPAIR))
		err = put_on_all(cgroup->dir);
	else if (!cgroup_id(cgroup->dir, &id) && id)
		err = take_off_all(id);
	if (err)
		fault_note(NULL, "it speaks MPTCP all the same, but some socket options fail");
}

static int update_repair_link(const char *name, void *data)
{
	(void)data;
	for (size_t i = 0; i < N_HOOKS; i++) {
		int prog, link;

		if (strncmp(name, hooks[i].pin, strlen(hooks[i].pin)))
			continue;
		prog = pin_open(MMA_PIN_PROGS, hooks[i].pin);
		link = pin_open(MMA_PIN_LINKS, name);
		/* May fail with ENOLINK: the cgroup is gone. repair_sweep() unpins the link. */
		if (prog >= 0 && link >= 0)
			bpf_link_update(link, prog, NULL);
		if (prog >= 0)
			close(prog);
		if (link >= 0)
			close(link);
	}
	return 0;
}

void repair_update_all(void)
{
	pins_each_link(PREFIX, update_repair_link, NULL);
}

/* Whether the cgroup is attached, or is departed and its path is still attached: its sockets may
 * live on. */
static bool is_attached_id(const struct maps *maps, uint64_t id)
{
	struct mma_service_ref service;
	int err = bpf_map_lookup_elem(maps->cgroups, &id, &service);

	if (err == -ENOENT) {
		err = bpf_map_lookup_elem(maps->departed, &id, &service);
		return err ? err != -ENOENT : service.slot != MMA_NO_SLOT;
	}
	return true; /* also if unreadable, which does not mean gone */
}

/* Whether the cgroup in the link's name is attached now. This takes only one lookup: there are up
 * to four links for each path. */
static bool is_of_attached(const struct maps *maps, const char *name)
{
	struct mma_service_ref service;
	uint64_t id = strtoull(strrchr(name, '-') + 1, NULL, 10); /* PREFIX ends in "-" */

	return !bpf_map_lookup_elem(maps->cgroups, &id, &service);
}

static int sweep_repair_link(const char *name, void *data)
{
	struct bpf_link_info link;

	if (is_of_attached(data, name) || pin_link_info(name, BPF_LINK_TYPE_CGROUP, &link))
		return 0; /* unreadable does not mean gone */
	/* Id 0: the cgroup is gone. */
	if (link.cgroup.cgroup_id && is_attached_id(data, link.cgroup.cgroup_id))
		return 0;
	detail("%s: its cgroup is gone or detached; removed", pin_path(MMA_PIN_LINKS, name).path);
	return pin_remove(MMA_PIN_LINKS, name);
}

int repair_sweep(const struct maps *maps)
{
	return pins_each_link(PREFIX, sweep_repair_link, (void *)maps);
}

struct repair_programs repair_programs_read(void)
{
	struct repair_programs programs;

	for (size_t i = 0; i < N_HOOKS; i++)
		programs.ids[i] = pin_program_id(hooks[i].pin, hooks[i].program);
	return programs;
}

static bool is_effective(const struct hook *hook, __u32 wanted, int dir_fd)
{
	__u32 ids[MAX_QUERY] = { 0 }, n = MAX_QUERY;
	int err = bpf_prog_query(dir_fd, hook->type, BPF_F_QUERY_EFFECTIVE, NULL, ids, &n);

	if (err && err != -ENOSPC) /* ENOSPC: there are more, and ids[] has the first ones */
		return false;
	for (size_t i = 0; wanted && i < MAX_QUERY && ids[i]; i++)
		if (ids[i] == wanted)
			return true;
	return false;
}

bool repair_in_place(const struct repair_programs *programs, int dir_fd)
{
	for (size_t i = 0; i < N_HOOKS; i++)
		if (!is_effective(&hooks[i], programs->ids[i], dir_fd))
			return false;
	return true;
}
