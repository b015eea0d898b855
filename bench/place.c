// SPDX-License-Identifier: GPL-2.0-only
#include "place.h"
#include "abi.h" /* the skeleton uses its types */
#include "mma.skel.h"
#include "pin_names.h"
#include "prepared.h"

#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <mntent.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE "/mma-bench.slice/mail.service"

const char *const variant_names[N_VARIANTS] = { "none", "empty", "strip" };

static int namespaces[N_WHERE];
static char mount_point[256], service_dir[512];
static struct bpf_object *first; /* whose maps the other copies use */

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

void place_go(enum where where)
{
	if (setns(namespaces[where], CLONE_NEWNET))
		err(1, "setns");
}

static void shell(const char *script)
{
	if (system(script))
		errx(1, "iproute2 failed: %s", script);
}

void place_begin(void)
{
	char script[1024];

	for (int where = N_WHERE - 1; where >= HERE; where--) {
		if (unshare(CLONE_NEWNET))
			err(1, "unshare");
		namespaces[where] = open_or_die("/proc/self/ns/net", O_RDONLY);
	}
	snprintf(
		script, sizeof(script),
		"set -e; p='nsenter --net=/proc/%1$d/fd/%2$d'; ip link set lo up; $p ip link set lo up\n"
		"veth() { ip link add $1 type veth peer name p$1; ip link set p$1 netns /proc/%1$d/fd/%2$d;\n"
		"  ip addr add $2.1/24 dev $1; ip link set $1 up;\n"
		"  $p ip addr add $2.2/24 dev p$1; $p ip link set p$1 up; }\n"
		"fixed() { veth $*; echo 1 >/proc/sys/net/ipv6/conf/$1/disable_ipv6; ip neigh replace $2.2 dev $1 lladdr 02:00:00:00:00:01; }\n"
		"for i in 0 1 2; do\n"
		"  fixed u$i 10.1.$i; veth t$i 10.2.$i\n"
		"  ip addr add fd00:2:$i::1/64 dev t$i nodad; $p ip addr add fd00:2:$i::2/64 dev pt$i nodad\n"
		"done; fixed s0 10.3.0; veth b0 10.4.0\n",
		getpid(), namespaces[PEER]);
	shell(script);
}

void place_add_devices(int from, int to)
{
	char script[256];

	snprintf(
		script, sizeof(script),
		"for i in $(seq %d 2 %d); do echo link add x$i type veth peer name x$((i + 1)); done | ip -batch -",
		from, to);
	shell(script);
}

static void find_mount(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	const struct mntent *mount;

	while (mounts && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "cgroup2"))
			snprintf(mount_point, sizeof(mount_point), "%s", mount->mnt_dir);
	if (mounts)
		endmntent(mounts);
	if (!*mount_point)
		errx(1, "no cgroup2 is mounted");
}

uint64_t cgroup_begin(void)
{
	struct stat st;

	find_mount();
	snprintf(service_dir, sizeof(service_dir), "%s" SERVICE, mount_point);
	*strrchr(service_dir, '/') = '\0';
	mkdir(service_dir, 0755); /* may exist; the next mkdir() reports errors */
	service_dir[strlen(service_dir)] = '/';
	if ((mkdir(service_dir, 0755) && errno != EEXIST) || stat(service_dir, &st))
		err(1, "%s", service_dir);
	return st.st_ino;
}

void cgroup_enter(int attached)
{
	char procs[600];
	int fd;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", attached ? service_dir : mount_point);
	fd = open_or_die(procs, O_WRONLY);
	if (write(fd, "0", 1) != 1)
		err(1, "%s", procs);
	close(fd);
}

void cgroup_end(void)
{
	cgroup_enter(0);
	rmdir(service_dir);
	*strrchr(service_dir, '/') = '\0';
	rmdir(service_dir);
}

static int load_verdict(int verdict)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "verdict", "GPL", insns, 2, NULL);

	if (fd < 0)
		err(1, "empty program");
	return fd;
}

int load_empty(void)
{
	return load_verdict(TCX_NEXT);
}

static void share_maps(const struct bpf_object *copy)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, copy)
	{
		const char *name = bpf_map__name(map);
		struct bpf_map *other = bpf_object__find_map_by_name(first, name);

		if (!bpf_map__is_internal(map) && bpf_map__reuse_fd(map, bpf_map__fd(other)))
			err(1, "map %s", name);
	}
}

int load_strip(struct strip_maps *ret)
{
	size_t size;
	const void *elf = mma__elf_bytes(&size);
	struct bpf_object *copy = open_prepared_elf(elf, size, NULL);
	const struct bpf_program *strip;
	struct bpf_program *program;

	if (!copy)
		err(1, "BPF object");
	strip = bpf_object__find_program_by_name(copy, MMA_PIN_STRIP);
	bpf_object__for_each_program(program, copy)
		bpf_program__set_autoload(program, program == strip);
	if (first)
		share_maps(copy);
	if (bpf_object__load(copy))
		err(1, "strip");
	if (!first)
		first = copy;
	ret->ports = bpf_object__find_map_fd_by_name(first, MMA_PIN_PORTS);
	ret->cgroups = bpf_object__find_map_fd_by_name(first, MMA_PIN_CGROUPS);
	ret->meta = bpf_object__find_map_fd_by_name(first, MMA_PIN_META);
	return bpf_program__fd(strip);
}

static int attach_at(int prog, const char *device, enum bpf_attach_type hook)
{
	int link = bpf_link_create(prog, (int)if_nametoindex(device), hook, NULL);

	if (link < 0)
		err(1, "%s: TCX", device);
	return link;
}

int attach(int prog, const char *device)
{
	return attach_at(prog, device, BPF_TCX_EGRESS);
}

void drop_at(const char *device)
{
	place_go(PEER);
	attach_at(load_verdict(TCX_DROP), device, BPF_TCX_INGRESS);
	place_go(HERE);
}
