// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_changes.h"
#include "host/cgroup.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

/* A query for a cgroup's programs takes the lock that mkdir(2) and rmdir(2) hold
 * (cgroup_bpf_query), and changes nothing. Returns whether dir could be opened. */
static bool wait_at(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u32 n = 0;

	if (fd < 0)
		return false;
	bpf_prog_query(fd, BPF_CGROUP_INET_SOCK_CREATE, 0, NULL, NULL, &n);
	close(fd);
	return true;
}

void cgroup_wait_for_changes(const char *dir)
{
	char parent[PATH_MAX], *slash;

	strcpy(parent, dir);
	while ((slash = strrchr(parent, '/')) && slash > parent) {
		*slash = '\0';
		if (wait_at(parent))
			return;
	}
}

int cgroup_exists(uint64_t id, bool *ret_there)
{
	char path[PATH_MAX];
	struct mount mount;
	int err = cgroup_path_of_id(id, path, sizeof(path), ret_there);

	if (err || *ret_there)
		return err;
	/* follow enters the id before the cgroup can be opened (cgroup_mkdir() calls
	 * kernfs_activate() after the tracepoint). */
	err = cgroup_mount(&mount);
	if (err)
		return err;
	wait_at(mount.point);
	return cgroup_path_of_id(id, path, sizeof(path), ret_there);
}
