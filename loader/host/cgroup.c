// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup.h"
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
	snprintf(ret->key.path, sizeof(ret->key.path), CGROUP_BY_ID "%" PRIu64, id);
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
	err = clean(arg, arg, path, sizeof(path));
	if (err)
		return err;
	if (arg[0] != '/') {
		err = need_cgroup2(&mount);
		return err ? err : resolve_in(arg, &mount, path, ret);
	}
	err = mount_of_path(path, &mount, &found);
	if (err)
		return err;
	if (found && !strcmp(mount.type, "cgroup"))
		return fault_usage(
			"%s: on a cgroup v1 hierarchy; give the path inside the cgroup2 mount",
			arg);
	if (!found || strcmp(mount.type, "cgroup2")) {
		err = need_cgroup2(&mount);
		if (err) /* none of it is */
			return err;
		return fault_usage(
			"%s: not inside a cgroup2 mount; pass a path inside it, such as /sys/fs/cgroup/system.slice/postfix.service",
			arg);
	}
	return resolve_in(arg, &mount, path + strlen(mount.point), ret);
}

bool cgroup_key_is_id(const struct mma_path_key *key)
{
	return !strncmp(key->path, CGROUP_BY_ID, strlen(CGROUP_BY_ID));
}

int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there)
{
	struct mount mount;
	char path[PATH_MAX];
	int err;

	*ret_there = false;
	ret->key = *key;
	ret->dir[0] = '\0';
	ret->by_id = cgroup_key_is_id(key);
	err = need_cgroup2(&mount);
	if (err)
		return err;
	if (ret->by_id) {
		bool there;

		err = cgroup_path_of_id(strtoull(key->path + strlen(CGROUP_BY_ID), NULL, 10), path,
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
