// SPDX-License-Identifier: GPL-2.0-only
#include "attached/hidden.h"
#include "attached/pins.h"
#include "host/mounts.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_MAPS 16 /* per program */
#define RELEASE_TRIES 200 /* 10 ms each */

/* What is pinned in our view of bpffs, so not hidden. */
struct in_sight {
	__u32 meta, program,
		attached; /* ids of the map, the program and the link's program; 0: none */
};

struct found {
	__u32 program;
	char build[MMA_BUILD_ID_SIZE]; /* "" if of another ABI */
};

static __u32 pinned_meta(void)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = pin_open(NULL, MMA_PIN_META);

	if (fd < 0)
		return 0;
	if (bpf_map_get_info_by_fd(fd, &info, &len))
		info.id = 0;
	close(fd);
	return info.id;
}

static __u32 pinned_link(void)
{
	struct bpf_link_info info;

	return pin_link_info(MMA_PIN_UPGRADE, BPF_LINK_TYPE_TRACING, &info) ? 0 : info.prog_id;
}

/* Whether this map is the `meta` of a committed attachment. After a detach it has no build id.
 * In every ABI, meta starts with the ABI number. */
static bool is_committed_meta(__u32 id, char ret_build[MMA_BUILD_ID_SIZE])
{
	union {
		struct mma_meta ours;
		__u32 abi;
		char room[4096];
	} value = { 0 };
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	int fd = bpf_map_get_fd_by_id(id);
	bool is;

	if (fd < 0)
		return false;
	is = !bpf_map_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_ARRAY &&
	     !strcmp(info.name, MMA_PIN_META) && info.value_size >= sizeof(value.abi) &&
	     info.value_size <= sizeof(value) && !bpf_map_lookup_elem(fd, &zero, &value) &&
	     value.abi;
	close(fd);
	ret_build[0] = '\0';
	if (!is || value.abi != MMA_ABI)
		return is;
	memcpy(ret_build, value.ours.build_id, MMA_BUILD_ID_SIZE);
	ret_build[MMA_BUILD_ID_SIZE - 1] = '\0';
	return ret_build[0];
}

static bool is_ours(__u32 id, const struct in_sight *seen, struct found *ret)
{
	__u32 maps[MAX_MAPS], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = MAX_MAPS, .map_ids = (__u64)(uintptr_t)maps };
	int fd = bpf_prog_get_fd_by_id(id), err;

	if (fd < 0)
		return false;
	err = bpf_prog_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err || info.type != BPF_PROG_TYPE_TRACING || strcmp(info.name, MMA_PIN_UPGRADE) ||
	    id == seen->program || id == seen->attached)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++)
		if (maps[i] != seen->meta && is_committed_meta(maps[i], ret->build)) {
			ret->program = id;
			return true;
		}
	return false;
}

/* A program can outlive its link while a process holds a descriptor of it. */
static bool is_attached(__u32 program)
{
	struct bpf_link_info info;
	__u32 id = 0, len;
	int fd, err;

	while (!bpf_link_get_next_id(id, &id)) {
		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		err = bpf_link_get_info_by_fd(fd, &info, &len);
		close(fd);
		if (!err && info.prog_id == program)
			return true;
	}
	return false;
}

static bool find(const struct in_sight *seen, struct found *ret)
{
	__u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id))
		if (is_ours(id, seen, ret) && is_attached(id))
			return true;
	return false;
}

/* Says why the pins are not visible, and what to do. */
static int explain(const struct found *found)
{
	const char *build = found->build[0] ? found->build : "another version's";
	char name[4 * PATH_MAX];
	struct mount over;
	bool covered;
	int err = mount_over(MMA_BPFFS, "bpf", &over, &covered);

	if (err)
		return err;
	if (covered)
		return fault(
			EBUSY,
			MMA_BPFFS
			": another file system (%s) is mounted over the one in which services are attached (program " MMA_PIN_UPGRADE
			", id %u, build %s); unmount it: umount %s",
			over.type, found->program, build, visible(over.point, name, sizeof(name)));
	return fault(
		EBUSY,
		MMA_PIN_DIR
		": services are attached (program " MMA_PIN_UPGRADE
		", id %u, build %s), but their pins are not visible here: their BPF file system is mounted elsewhere, or a process holds the link; end that process (grep -ls ' - bpf ' /proc/[0-9]*/mountinfo), or reboot",
		found->program, build);
}

int hidden_look(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct in_sight seen = { pinned_meta(),
				 pin_program_id(MMA_PIN_UPGRADE, BPF_PROG_TYPE_TRACING),
				 pinned_link() };
	struct found found;

	/* The kernel releases unpinned objects with a delay. */
	for (int tries = 0; tries < RELEASE_TRIES; tries++) {
		if (!find(&seen, &found))
			return 0;
		nanosleep(&pause, NULL);
	}
	return explain(&found);
}
