// SPDX-License-Identifier: GPL-2.0-only
#include "attached/pins.h"
#include "attached/bpffs.h"
#include "report.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREIGN_REMEDY "not made by this tool; remove it (rm -r " MMA_PIN_DIR ") and run again"

static const struct map_kind {
	const char *name;
	size_t fd_offset;
	__u32 type, key_size, value_size;
	bool is_newer; /* newer than the first version of this ABI: may be missing */
} kinds[] = {
#define KIND(field, pin, type, key, value, newer) \
	pin, offsetof(struct maps, field), type, sizeof(key), sizeof(value), newer
	{ KIND(ports, MMA_PIN_PORTS, BPF_MAP_TYPE_HASH, __u16, __u8, false) },
	{ KIND(cgroups, MMA_PIN_CGROUPS, BPF_MAP_TYPE_HASH, __u64, struct mma_service_ref, false) },
	{ KIND(departed, MMA_PIN_DEPARTED, BPF_MAP_TYPE_LRU_HASH, __u64, struct mma_service_ref,
	       false) },
	{ KIND(paths, MMA_PIN_PATHS, BPF_MAP_TYPE_HASH, struct mma_path_key, struct mma_path,
	       false) },
	{ KIND(netns, MMA_PIN_NETNS, BPF_MAP_TYPE_HASH, __u64, struct mma_netns, false) },
	{ KIND(stats, MMA_PIN_STATS, BPF_MAP_TYPE_ARRAY, __u32, struct mma_stats, false) },
	{ KIND(meta, MMA_PIN_META, BPF_MAP_TYPE_ARRAY, __u32, struct mma_meta, false) },
	{ KIND(accounts, MMA_PIN_ACCOUNTS, BPF_MAP_TYPE_HASH, struct mma_account_key,
	       struct mma_account, true) },
	{ KIND(asked, MMA_PIN_ASKED, BPF_MAP_TYPE_SK_STORAGE, int, struct mma_asked, true) },
	{ KIND(summary, MMA_PIN_SUMMARY, BPF_MAP_TYPE_ARRAY, __u32, struct mma_summary, true) },
#undef KIND
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

size_t maps_count(void)
{
	return N_KINDS;
}

const char *map_name(size_t i)
{
	return kinds[i].name;
}

int *map_fd(struct maps *maps, size_t i)
{
	return (int *)((char *)maps + kinds[i].fd_offset);
}

struct pin pin_path(const char *sub, const char *name)
{
	struct pin pin;

	snprintf(pin.path, sizeof(pin.path), "%s/%s%s%s", MMA_PIN_DIR, sub ? sub : "",
		 sub ? "/" : "", name);
	return pin;
}

/* MMA_PIN_DIR, opened at the first pin that is opened; -1: not open. From there the kernel
 * follows at most two components for each pin, not six (BPF_F_PATH_FD, since Linux 6.5; older
 * kernels have none of our pins). */
static int pin_dir = -1;

static void close_dir(void)
{
	if (pin_dir >= 0)
		close(pin_dir);
	pin_dir = -1;
}

static int get_below(const char *name)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_PATH_FD);

	if (pin_dir < 0)
		pin_dir = open(MMA_PIN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pin_dir < 0)
		return -errno;
	opts.path_fd = pin_dir;
	return bpf_obj_get_opts(name, &opts);
}

int pin_open(const char *sub, const char *name)
{
	struct pin pin = pin_path(sub, name);
	const char *below = pin.path + strlen(MMA_PIN_DIR "/");
	int fd = get_below(below);
	struct stat dir;

	if (fd != -ENOENT || pin_dir < 0 || fstat(pin_dir, &dir) || dir.st_nlink)
		return fd;
	close_dir(); /* other runs have removed the directory, and may have made it anew */
	return get_below(below);
}

static const char *read_only_remedy(int err)
{
	return err == EROFS ? "; it is mounted read-only: mount -o remount,rw " MMA_BPFFS : "";
}

static int make_dir(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return 0;
	if (errno != EEXIST)
		return fault(errno,
			     "%s: cannot be made (%s); make " MMA_BPFFS " writable for root%s",
			     path, strerror(errno), read_only_remedy(errno));
	if (lstat(path, &st))
		return fault(errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 077))
		return fault(EEXIST, "%s: %s, " FOREIGN_REMEDY, path,
			     S_ISDIR(st.st_mode) ? "open to others than root" : "not a directory");
	return 0;
}

int pins_prepare(void)
{
	int err = bpffs_need();

	if (!err)
		err = make_dir(MMA_PIN_DIR);
	if (!err)
		err = make_dir(MMA_PIN_DIR "/" MMA_PIN_LINKS);
	if (!err)
		err = make_dir(MMA_PIN_DIR "/" MMA_PIN_PROGS);
	return err;
}

/* Leaves ret_fd unchanged if there is no such pin. */
static int open_map(const struct map_kind *kind, int *ret_fd)
{
	struct pin pin = pin_path(NULL, kind->name);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = pin_open(NULL, kind->name);

	if (fd == -ENOENT)
		return 0;
	if (fd == -EPERM || fd == -EACCES)
		return fault(-fd, "%s: %s; run as root", pin.path, strerror(-fd));
	if (fd == -EROFS)
		return fault(EROFS, "%s: cannot be opened (%s)%s", pin.path, strerror(EROFS),
			     read_only_remedy(EROFS));
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fault(-fd, "%s: cannot be opened (%s); raise the limits: ulimit -Hn",
			     pin.path, strerror(-fd));
	if (fd < 0)
		return fault(-fd, "%s: cannot be opened as a map (%s): " FOREIGN_REMEDY, pin.path,
			     strerror(-fd));
	/* The pin of a program or link returns another kind of info. */
	if (bpf_map_get_info_by_fd(fd, &info, &len) || info.type != kind->type ||
	    info.key_size != kind->key_size || info.value_size != kind->value_size) {
		close(fd);
		return fault(EEXIST, "%s: a foreign object: " FOREIGN_REMEDY, pin.path);
	}
	*ret_fd = fd;
	return 0;
}

/* Checked first: another ABI may have other maps, which are not foreign objects. In every ABI,
 * meta starts with the ABI number. */
static int check_abi(void)
{
	union {
		__u32 abi;
		char room[4096];
	} meta = { 0 };
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	int fd = pin_open(NULL, MMA_PIN_META);
	bool found;

	if (fd < 0)
		return 0;
	found = !bpf_map_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_ARRAY &&
		!strcmp(info.name, MMA_PIN_META) && info.value_size >= sizeof(meta.abi) &&
		info.value_size <= sizeof(meta) && !bpf_map_lookup_elem(fd, &zero, &meta);
	close(fd);
	if (found && meta.abi && meta.abi != MMA_ABI)
		return fault(
			EPROTO,
			MMA_PIN_DIR
			": made by a version of this tool with ABI %u, this one has ABI %d; detach with that version, or reboot",
			meta.abi, MMA_ABI);
	return 0;
}

int maps_open(struct maps *ret, bool *ret_attached)
{
	bool complete;
	int err = bpffs_look(&complete);

	if (!err)
		err = check_abi();
	for (size_t i = 0; i < N_KINDS && !err; i++) {
		err = open_map(&kinds[i], map_fd(ret, i));
		complete = complete && (*map_fd(ret, i) >= 0 || kinds[i].is_newer);
	}
	*ret_attached = !err && complete;
	if (!*ret_attached)
		maps_close(ret);
	return err;
}

void maps_close(struct maps *maps)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		int *fd = map_fd(maps, i);

		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
	close_dir();
}

static int pin_info(const char *sub, const char *name, void *ret, __u32 size)
{
	int fd = pin_open(sub, name), err;

	memset(ret, 0, size);
	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, ret, &size);
	close(fd);
	return err;
}

int pin_link_info(const char *name, __u32 type, struct bpf_link_info *ret)
{
	int err = pin_info(MMA_PIN_LINKS, name, ret, sizeof(*ret));

	return !err && ret->type != type ? -EINVAL : err;
}

int pin_program_info(const char *name, __u32 type, struct bpf_prog_info *ret)
{
	int err = pin_info(MMA_PIN_PROGS, name, ret, sizeof(*ret));

	return !err && ret->type != type ? -EINVAL : err;
}

__u32 pin_program_id(const char *name, __u32 type)
{
	struct bpf_prog_info info;

	return pin_program_info(name, type, &info) ? 0 : info.id;
}

int pin_replace(int fd, const char *sub, const char *name)
{
	struct pin pin = pin_path(sub, name), fresh;
	char fresh_name[NAME_MAX];
	int err;

	snprintf(fresh_name, sizeof(fresh_name), "%s" MMA_PIN_NEW, name);
	fresh = pin_path(sub, fresh_name);
	unlink(fresh.path); /* left by a run that was killed here; pins_sweep() runs later */
	err = bpf_obj_pin(fd, fresh.path);
	if (!err && rename(fresh.path, pin.path)) {
		err = -errno;
		unlink(fresh.path);
	}
	if (err)
		return fault(-err, "%s: cannot be pinned (%s)%s", pin.path, strerror(-err),
			     read_only_remedy(-err));
	return 0;
}

int pin_new(int fd, const char *sub, const char *name)
{
	struct pin pin = pin_path(sub, name);
	int err;

	unlink(pin.path);
	err = bpf_obj_pin(fd, pin.path);
	return err ? fault(-err, "%s: cannot be pinned (%s)%s", pin.path, strerror(-err),
			   read_only_remedy(-err))
		   : 0;
}

int pin_remove(const char *sub, const char *name)
{
	struct pin pin = pin_path(sub, name);

	if (unlink(pin.path) && errno != ENOENT)
		return fault(errno, "%s: cannot be removed (%s)%s", pin.path, strerror(errno),
			     read_only_remedy(errno));
	return 0;
}

int pins_need_writable(void)
{
	if (access(MMA_BPFFS, W_OK) && errno == EROFS)
		return fault(EROFS, MMA_BPFFS ": nothing can be unpinned (%s)%s", strerror(EROFS),
			     read_only_remedy(EROFS));
	return 0;
}

static int each_in(const char *sub, const char *prefix, pin_fn *each, void *data)
{
	struct pin dir = pin_path(NULL, sub);
	DIR *d = opendir(dir.path);
	struct dirent *entry;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix)))
			ret = each(entry->d_name, data);
	closedir(d);
	return ret;
}

int pins_each_link(const char *prefix, pin_fn *each, void *data)
{
	return each_in(MMA_PIN_LINKS, prefix, each, data);
}

/* Tries every name, even if one fails. */
struct removal {
	const char *sub, *ending;
	int err; /* the first error */
};

static int remove_one(const char *name, void *data)
{
	struct removal *removal = data;
	size_t len = strlen(name), end = strlen(removal->ending);
	int err;

	if (len < end || strcmp(name + len - end, removal->ending))
		return 0;
	err = pin_remove(removal->sub, name);
	if (!removal->err)
		removal->err = err;
	return 0;
}

static int remove_in(const char *sub, const char *ending)
{
	struct removal removal = { sub, ending, 0 };
	int err = each_in(sub, "", remove_one, &removal);

	return removal.err ? removal.err : err;
}

static int remove_links_and_programs(const char *ending)
{
	int err = remove_in(MMA_PIN_LINKS, ending), also;

	also = remove_in(MMA_PIN_PROGS, ending);
	return err ? err : also;
}

int pins_sweep(void)
{
	return remove_links_and_programs(MMA_PIN_NEW);
}

int pins_remove_all(void)
{
	int err = remove_links_and_programs(""), also;

	for (size_t i = 0; i < N_KINDS; i++) {
		also = pin_remove(NULL, kinds[i].name);
		if (!err)
			err = also;
	}
	rmdir(MMA_PIN_DIR "/" MMA_PIN_LINKS);
	rmdir(MMA_PIN_DIR "/" MMA_PIN_PROGS);
	if (err)
		return err;
	if (rmdir(MMA_PIN_DIR) && errno != ENOENT)
		return fault(errno,
			     MMA_PIN_DIR ": cannot be removed (%s); something else is pinned there",
			     strerror(errno));
	return 0;
}
