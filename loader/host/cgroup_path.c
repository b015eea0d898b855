// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_path.h"
#include "host/cgroup_find.h"
#include "host/leave.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* kernfs: the root of a hierarchy has inode 1; the root seen from a cgroup namespace is another
 * cgroup. */
#define HIERARCHY_ROOT_INODE 1

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), size = strlen(end);

	return len > size && !strcmp(text + len - size, end);
}

/* Drops empty and "." components; refuses "..". `ret` starts with "/" and has no trailing one. */
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
	int err = cgroup_by_id(ret);

	if (err)
		return fault(
			-err,
			"%s: not there (%s), and inside a cgroup namespace a path cannot be followed; create it first, or attach from the host",
			arg, strerror(-err));
	return 0;
}

static int key_by_path(const char *arg, const char *root, const char *below, struct cgroup *ret)
{
	size_t len;

	if (!strcmp(root, "/"))
		root = "";
	len = strlen(root) + strlen(below);
	/* One byte less than fits: follow cannot tell a path that fills its buffer from a
	 * truncated one. */
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

/* systemd runs some processes of a service in its sub-cgroup ".control" (Delegate=). */
static int own_path(char *ret_path, size_t size)
{
	const char *told = getenv(SELF_PID);
	char parent[32], name[64] = "/proc/self/cgroup", *last;
	bool found;
	int err;

	snprintf(parent, sizeof(parent), "%d", getppid());
	if (told && !strcmp(told, parent))
		snprintf(name, sizeof(name), "/proc/%s/cgroup", parent);
	err = cgroup_path_of_process(name, ret_path, size, &found);
	last = strrchr(ret_path, '/');
	if (!err && !found)
		return fault(
			ENOENT,
			"self: this process is in no cgroup of the v2 hierarchy; mount cgroup2");
	if (!err && last && !strcmp(last, "/.control"))
		*last = '\0';
	return err;
}

/* Refuses text that surrounds a path in the places from which people copy it. */
static int refuse_surroundings(const char *arg)
{
	static const char *const before[] = { "0::", "ControlGroup=" };
	static const char after[] = " (deleted)"; /* /proc/PID/cgroup, of a removed cgroup */

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (!strncmp(arg, before[i], strlen(before[i])))
			return fault_usage("%s: not a path; give what follows %s", arg, before[i]);
	return ends_in(arg, after) ? fault_usage("%s: not a path; leave out \"%s\"", arg, after + 1)
				   : 0;
}

/*
 * An absolute path outside every cgroup2 mount, as systemctl, --status and /proc/PID/cgroup
 * print it: from the root of the hierarchy. Accepted if its first component is a cgroup, or a
 * name that systemd gives to cgroups there, and if no file has this path, because the path
 * would then mean that file.
 */
static int resolve_from_root(const char *arg, const char *path, struct cgroup *ret)
{
	char first[NAME_MAX + 1], dir[2 * PATH_MAX];
	const char *below;
	struct mount mount;
	struct stat st;
	int err = cgroup_mount(&mount);

	if (err)
		return err;
	below = path[0] ? cgroup_below(&mount, path) : NULL;
	if (below && below[0] && stat(path, &st)) {
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(below + 1, "/"), below + 1);
		snprintf(dir, sizeof(dir), "%s/%s", mount.point, first);
		if ((!stat(dir, &st) && S_ISDIR(st.st_mode)) || ends_in(first, ".slice") ||
		    ends_in(first, ".service") || ends_in(first, ".scope"))
			return resolve_in(arg, &mount, below, ret);
	}
	return fault_usage(
		"%s: not inside a cgroup2 mount; pass a path inside it, such as %s/system.slice/postfix.service",
		arg, mount.point);
}

/* A unit's name alone is hardly ever a cgroup in the root: refuse it if the unit has its cgroup
 * elsewhere. */
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
	int err = cgroup_mount(&mount);

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
			err = cgroup_mount(&mount);
		if (err)
			return err;
		below = cgroup_below(&mount, own);
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
