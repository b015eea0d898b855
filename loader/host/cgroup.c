// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* kernfs_encode_fh() of fs/kernfs/mount.c: a handle is the node's 64-bit id. */
#define FILEID_KERNFS 0xfe

struct kernfs_handle {
	struct file_handle head;
	uint64_t id;
};

int cgroup_mount(struct mount *ret)
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

const char *cgroup_below(const struct mount *mount, const char *path)
{
	size_t len = strcmp(mount->root, "/") ? strlen(mount->root) : 0;

	if (strncmp(path, mount->root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

bool cgroup_key_is_id(const struct mma_path_key *key)
{
	return !strncmp(key->path, CGROUP_BY_ID, strlen(CGROUP_BY_ID));
}

int cgroup_by_id(struct cgroup *cgroup)
{
	uint64_t id = 0;
	int err = cgroup_id(cgroup->dir, &id);

	if (err || !id)
		return err ? err : -ENOENT;
	memset(&cgroup->key, 0, sizeof(cgroup->key));
	snprintf(cgroup->key.path, sizeof(cgroup->key.path), CGROUP_BY_ID "%" PRIu64, id);
	cgroup->by_id = true;
	return 0;
}

int cgroup_path_of_process(const char *proc_file, char *ret_path, size_t size, bool *ret_found)
{
	FILE *file = fopen(proc_file, "re");
	char line[PATH_MAX];

	*ret_found = false;
	if (!file)
		return fault(errno, "%s: cannot be read (%s); mount proc", proc_file,
			     strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_path, size, "%s", line + 3);
		*ret_found = true;
	}
	fclose(file);
	return 0;
}

int cgroup_of_process(const char *proc_file, struct cgroup *ret, char *ret_path, size_t size)
{
	struct mount mount;
	const char *below;
	bool found;
	int err = cgroup_path_of_process(proc_file, ret_path, size, &found);

	if (!err && !found)
		err = fault(
			ENOENT,
			"it is in no cgroup of the v2 hierarchy; boot with cgroup v2 (unified)");
	if (!err)
		err = cgroup_mount(&mount);
	if (err)
		return err;
	below = cgroup_below(&mount, ret_path);
	if (!below || strstr(ret_path, "/../") || !strcmp(below, "/"))
		return fault(
			ENOENT,
			"its cgroup %s is not below the cgroup2 mount %s; run this on the host",
			ret_path, mount.point);
	if (strlen(mount.point) + strlen(below) >= sizeof(ret->dir))
		return fault(ENAMETOOLONG, "%.40s…: its cgroup's path is too long", ret_path);
	stpcpy(stpcpy(ret->dir, mount.point), below);
	err = cgroup_by_id(ret);
	return err ? fault(-err, "%s: not there (%s)", ret_path, strerror(-err)) : 0;
}

int cgroup_of_key_on(const struct mount *mount, const struct mma_path_key *key, struct cgroup *ret,
		     bool *ret_there)
{
	char path[PATH_MAX];

	*ret_there = false;
	ret->key = *key;
	ret->dir[0] = '\0';
	ret->by_id = cgroup_key_is_id(key);
	if (ret->by_id) {
		bool there;
		int err = cgroup_path_of_id(strtoull(key->path + strlen(CGROUP_BY_ID), NULL, 10),
					    path, sizeof(path), &there);

		if (err || !there)
			return err;
	} else {
		const char *below = cgroup_below(mount, key->path);

		if (!below)
			return 0;
		snprintf(path, sizeof(path), "%s", below);
	}
	if (strlen(mount->point) + strlen(path) >= sizeof(ret->dir))
		return fault(ENAMETOOLONG, "%s: below a mount point whose path is too long: %s",
			     key->path, mount->point);
	stpcpy(stpcpy(ret->dir, mount->point), path);
	*ret_there = true;
	return 0;
}

int cgroup_of_key(const struct mma_path_key *key, struct cgroup *ret, bool *ret_there)
{
	struct mount mount;
	int err = cgroup_mount(&mount);

	*ret_there = false;
	ret->key = *key;
	return err ? err : cgroup_of_key_on(&mount, key, ret, ret_there);
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

int cgroup_unreadable(const char *dir, int err)
{
	return fault(err, "%s: cannot be read (%s); %s", dir, strerror(err),
		     err == EMFILE || err == ENFILE ? "raise the limits: ulimit -Hn"
						    : "run as root");
}

int cgroup_open(const char *dir, int *ret_fd, uint64_t *ret_id)
{
	struct stat st;
	int err;

	*ret_id = 0;
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : cgroup_unreadable(dir, errno);
	if (!fstat(*ret_fd, &st)) {
		*ret_id = st.st_ino; /* 64 bits: kernfs_ino() is the id */
		return 0;
	}
	err = errno;
	close(*ret_fd);
	*ret_fd = -1;
	return cgroup_unreadable(dir, err);
}

int cgroup_find_id(const char *dir, uint64_t *ret_id)
{
	int err = cgroup_id(dir, ret_id);

	return err ? cgroup_unreadable(dir, -err) : 0;
}

uint64_t cgroup_level_bit(const struct mma_path_key *key)
{
	unsigned int level = 0;

	if (key->path[0] != '/')
		return CGROUP_EVERY_LEVEL;
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
	err = cgroup_mount(&mount);
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
