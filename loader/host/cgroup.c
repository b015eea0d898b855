// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup.h"
#include "host/cgroup_find.h"
#include "host/mounts.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BY_ID "id:"

/* kernfs: the root of a hierarchy has inode 1; the root seen from a cgroup
 * namespace is some other cgroup. */
#define HIERARCHY_ROOT_INODE 1

/* kernfs_encode_fh() of fs/kernfs/mount.c: a handle is the node's 64-bit id. */
#define FILEID_KERNFS 0xfe

struct kernfs_handle {
	struct file_handle head;
	uint64_t id;
};

static int need_cgroup2(struct mount *ret)
{
	bool found;
	int err = mount_of_type("cgroup2", ret, &found);

	if (err || found)
		return err;
	if (!mounts_are_hosts())
		return fault(ENOENT, "cgroup2: not mounted %s; " HOST_REMEDY, mounts_place());
	return fault(ENOENT,
		     "cgroup2: not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup");
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), size = strlen(end);

	return len > size && !strcmp(text + len - size, end);
}

/* Drops empty and "." components; refuses "..". `ret` starts with "/" and has
 * no trailing one. */
static int clean(const char *arg, const char *path, char *ret, size_t size)
{
	size_t used = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2))
			return fault_usage(
				"%s: \"..\" is not accepted in a cgroup's path; write it out", arg);
		if (len > NAME_MAX)
			return fault_usage(
				"%.40s…: too long; the name of one cgroup may have %d bytes", arg,
				NAME_MAX);
		if (len && !(len == 1 && *path == '.')) {
			if (used + len + 2 > size)
				return fault_usage(
					"%.40s…: too long; a cgroup's path may have %d bytes", arg,
					MMA_PATH_SIZE - 2);
			ret[used++] = '/';
			memcpy(ret + used, path, len);
			used += len;
		}
		path += len + (path[len] == '/');
	}
	ret[used] = '\0';
	return 0;
}

static bool in_cgroup_namespace(const struct mount *mount)
{
	char root[PATH_MAX + 1];
	struct stat st;

	snprintf(root, sizeof(root), "%s/", mount->point);
	return !strncmp(mount->root, "/..", 3) ||
	       (!strcmp(mount->root, "/") && !stat(root, &st) && st.st_ino != HIERARCHY_ROOT_INODE);
}

static int key_by_id(const char *arg, struct cgroup *ret)
{
	uint64_t id = 0;
	int err = cgroup_id(ret->dir, &id);

	if (!err && !id)
		err = -ENOENT;
	if (err)
		return fault(
			-err,
			"%s: not there (%s), and inside a cgroup namespace a path cannot be followed; create it first, or attach from the host",
			arg, strerror(-err));
	memset(&ret->key, 0, sizeof(ret->key));
	snprintf(ret->key.path, sizeof(ret->key.path), BY_ID "%" PRIu64, id);
	ret->by_id = true;
	return 0;
}

static int key_by_path(const char *arg, const char *root, const char *below, struct cgroup *ret)
{
	size_t len;

	if (!strcmp(root, "/"))
		root = "";
	len = strlen(root) + strlen(below);
	/* One byte less than fits: follow cannot tell a path that fills its
	 * buffer from one that was cut off. */
	if (len > MMA_PATH_SIZE - 2)
		return fault_usage("%.40s…: too long; a cgroup's path may have %d bytes", arg,
				   MMA_PATH_SIZE - 2);
	memset(&ret->key, 0, sizeof(ret->key));
	stpcpy(stpcpy(ret->key.path, root), below);
	ret->by_id = false;
	if (!cgroup_level_bit(&ret->key))
		return fault_usage("%s: deeper than %d levels; attach one of its parents", arg,
				   MMA_MAX_LEVEL);
	return 0;
}

static int resolve_in(const char *arg, const struct mount *mount, const char *below,
		      struct cgroup *ret)
{
	struct stat st;
	int err;

	if (!below[0])
		return fault_usage(
			"%s: the root of the hierarchy is the whole host; name the cgroup of a service",
			arg);
	if (strlen(mount->point) + strlen(below) >= sizeof(ret->dir))
		return fault_usage("%.40s…: too long; a cgroup's path may have %d bytes", arg,
				   MMA_PATH_SIZE - 2);
	stpcpy(stpcpy(ret->dir, mount->point), below);
	if (!stat(ret->dir, &st) && !S_ISDIR(st.st_mode))
		return fault_usage("%s: not a directory; name the cgroup itself", arg);
	if (in_cgroup_namespace(mount))
		return key_by_id(arg, ret);
	err = key_by_path(arg, mount->root, below, ret);
	return err;
}

/* The part below the mount of a path from the hierarchy's root; NULL where the
 * mount does not show it. */
static const char *below_mount(const struct mount *mount, const char *path)
{
	size_t len = strcmp(mount->root, "/") ? strlen(mount->root) : 0;

	if (strncmp(path, mount->root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

/* The cgroup of this process: "0::/path" of cgroups(7). systemd runs some
 * processes of a service in its sub-cgroup ".control" (Delegate=). */
static int own_path(char *ret_path, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int err = -ENOENT;

	if (!file)
		return fault(errno, "/proc/self/cgroup: cannot be read (%s); mount proc",
			     strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		char *last;

		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		last = strrchr(line, '/');
		if (last && !strcmp(last, "/.control"))
			*last = '\0';
		snprintf(ret_path, size, "%s", line + 3);
		err = 0;
	}
	fclose(file);
	if (err)
		return fault(
			ENOENT,
			"self: this process is in no cgroup of the v2 hierarchy; mount cgroup2");
	return 0;
}

/* What is around a path where people copy it from. */
static int refuse_surroundings(const char *arg)
{
	static const char *const before[] = { "0::", "ControlGroup=" };
	static const char after[] = " (deleted)"; /* /proc/PID/cgroup, of one that is gone */

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (!strncmp(arg, before[i], strlen(before[i])))
			return fault_usage("%s: not a path; give what follows %s", arg, before[i]);
	return ends_in(arg, after) ? fault_usage("%s: not a path; leave out \"%s\"", arg, after + 1)
				   : 0;
}

/*
 * An absolute path outside every cgroup2 mount: as systemctl, --status and
 * /proc/PID/cgroup write it, from the root of the hierarchy. It is taken as such where its
 * first name is a cgroup, or is one that systemd gives to cgroups there; and where no file
 * has this path, which would be another meaning.
 */
static int resolve_from_root(const char *arg, const char *path, struct cgroup *ret)
{
	char first[NAME_MAX + 1], dir[2 * PATH_MAX];
	const char *below;
	struct mount mount;
	struct stat st;
	int err = need_cgroup2(&mount);

	if (err)
		return err;
	below = path[0] ? below_mount(&mount, path) : NULL;
	if (below && below[0] && stat(path, &st)) {
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(below + 1, "/"), below + 1);
		snprintf(dir, sizeof(dir), "%s/%s", mount.point, first);
		if ((!stat(dir, &st) && S_ISDIR(st.st_mode)) || ends_in(first, ".slice") ||
		    ends_in(first, ".service") || ends_in(first, ".scope"))
			return resolve_in(arg, &mount, below, ret);
	}
	return fault_usage(
		"%s: not inside a cgroup2 mount; pass a path inside it, such as /sys/fs/cgroup/system.slice/postfix.service",
		arg);
}

/* The name of a unit is hardly ever a cgroup in the root: refused where such a unit has its
 * cgroup elsewhere. */
static int refuse_unit(const char *arg, const struct mount *mount, const char *path)
{
	char dir[2 * PATH_MAX], found[PATH_MAX];
	struct stat st;

	if (!cgroup_is_unit(path + 1))
		return 0;
	snprintf(dir, sizeof(dir), "%s%s", mount->point, path);
	if (!stat(dir, &st) || !cgroup_find(mount->point, path + 1, found, sizeof(found)))
		return 0;
	return fault_usage("%s: the name of a unit; give the path of its cgroup, %s%s", arg,
			   strcmp(mount->root, "/") ? mount->root : "", found);
}

static int resolve_relative(const char *arg, const char *path, struct cgroup *ret)
{
	struct mount mount;
	int err = need_cgroup2(&mount);

	if (!err && !strcmp(arg, path + 1))
		err = refuse_unit(arg, &mount, path);
	return err ? err : resolve_in(arg, &mount, path, ret);
}

int cgroup_resolve(const char *arg, struct cgroup *ret)
{
	char path[PATH_MAX] = "", own[PATH_MAX] = "";
	struct mount mount;
	bool found;
	int err;

	if (!arg[0])
		return fault_usage("an empty --cgroup; name the cgroup of a service");
	if (!strcmp(arg, "self")) {
		const char *below;

		err = own_path(own, sizeof(own));
		if (!err)
			err = need_cgroup2(&mount);
		if (err)
			return err;
		below = below_mount(&mount, own);
		if (!below)
			return fault(
				ENOENT,
				"self: the cgroup %s is not below the cgroup2 mount %s; mount all of cgroup2, or attach from the host",
				own, mount.point);
		err = clean(arg, below, path, sizeof(path));
		return err ? err : resolve_in(arg, &mount, path, ret);
	}
	err = refuse_surroundings(arg);
	if (!err)
		err = clean(arg, arg, path, sizeof(path));
	if (err)
		return err;
	if (arg[0] != '/')
		return resolve_relative(arg, path, ret);
	err = mount_of_path(path, &mount, &found);
	if (err)
		return err;
	if (found && !strcmp(mount.type, "cgroup"))
		return fault_usage(
			"%s: on a cgroup v1 hierarchy; give the path inside the cgroup2 mount",
			arg);
	if (!found || strcmp(mount.type, "cgroup2"))
		return resolve_from_root(arg, path, ret);
	return resolve_in(arg, &mount, path + strlen(mount.point), ret);
}

int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there)
{
	struct mount mount;
	char path[PATH_MAX];
	int err;

	*ret_there = false;
	ret->key = *key;
	ret->dir[0] = '\0';
	ret->by_id = !strncmp(key->path, BY_ID, strlen(BY_ID));
	err = need_cgroup2(&mount);
	if (err)
		return err;
	if (ret->by_id) {
		bool there;

		err = cgroup_path_of_id(strtoull(key->path + strlen(BY_ID), NULL, 10), path,
					sizeof(path), &there);
		if (err || !there)
			return err;
	} else {
		const char *below = below_mount(&mount, key->path);

		if (!below)
			return 0;
		snprintf(path, sizeof(path), "%s", below);
	}
	if (strlen(mount.point) + strlen(path) >= sizeof(ret->dir))
		return fault(ENAMETOOLONG, "%s: below a mount point whose path is too long: %s",
			     key->path, mount.point);
	stpcpy(stpcpy(ret->dir, mount.point), path);
	*ret_there = true;
	return 0;
}

int cgroup_id(const char *dir, uint64_t *ret_id)
{
	struct kernfs_handle handle = {
		.head.handle_bytes = sizeof(handle.id),
	};
	int mount_id;

	*ret_id = 0;
	if (name_to_handle_at(AT_FDCWD, dir, &handle.head, &mount_id, 0))
		return errno == ENOENT || errno == ENOTDIR || errno == ESTALE ? 0 : -errno;
	memcpy(ret_id, handle.head.f_handle, sizeof(*ret_id));
	return 0;
}

int cgroup_find_id(const char *dir, uint64_t *ret_id)
{
	int err = cgroup_id(dir, ret_id);

	return err ? fault(-err, "%s: its id cannot be read (%s)", dir, strerror(-err)) : 0;
}

uint64_t cgroup_level_bit(const struct mma_path_key *key)
{
	unsigned int level = 0;

	if (key->path[0] != '/')
		return ~1ULL;
	for (const char *c = key->path; *c; c++)
		level += *c == '/';
	return level <= MMA_MAX_LEVEL ? 1ULL << level : 0;
}

bool cgroup_parent(struct mma_path_key *key)
{
	char *slash = strrchr(key->path, '/');

	if (!slash || slash == key->path)
		return false;
	memset(slash, 0, sizeof(key->path) - (size_t)(slash - key->path));
	return true;
}

int cgroup_path_of_id(uint64_t id, char *ret_path, size_t size, bool *ret_there)
{
	struct kernfs_handle handle = {
		.head.handle_bytes = sizeof(handle.id),
		.head.handle_type = FILEID_KERNFS,
	};
	char link[64], path[PATH_MAX];
	struct mount mount;
	int mount_fd, fd, err;
	ssize_t len;

	*ret_there = false;
	err = need_cgroup2(&mount);
	if (err)
		return err;
	mount_fd = open(mount.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0)
		return fault(errno, "%s: cannot be opened (%s)", mount.point, strerror(errno));
	memcpy(handle.head.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(mount_fd, &handle.head, O_PATH | O_CLOEXEC);
	err = fd < 0 ? errno : 0;
	close(mount_fd);
	if (err == ESTALE)
		return 0;
	if (err)
		return fault(err,
			     "cgroup %" PRIu64
			     ": cannot be opened by its id (%s); CAP_DAC_READ_SEARCH is needed",
			     id, strerror(err));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	err = len < 0 ? errno : 0;
	close(fd);
	if (err)
		return fault(err, "%s: cannot be read (%s); mount proc", link, strerror(err));
	path[len] = '\0';
	*ret_there = strlen(path) >= strlen(mount.point);
	if (*ret_there)
		snprintf(ret_path, size, "%s", path + strlen(mount.point));
	return 0;
}
