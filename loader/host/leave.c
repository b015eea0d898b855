// SPDX-License-Identifier: GPL-2.0-only
#include "host/leave.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"
#define PROCS "/cgroup.procs"

static int enter(const char *procs)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int has_magic(const char *dir, unsigned int magic)
{
	struct statfs fs;

	return !statfs(dir, &fs) && (unsigned int)fs.f_type == magic;
}

int leave_cgroup(void)
{
	/* The unified hierarchy, or the v2 hierarchy beside v1. There, v1 has the memory limits. */
	static const char *const places[][3] = {
		{ CGROUPS, CGROUPS PROCS, CGROUPS "/init.scope" PROCS },
		{ CGROUPS "/unified", CGROUPS "/unified" PROCS,
		  CGROUPS "/unified/init.scope" PROCS },
	};
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!has_magic(places[i][0], CGROUP2_SUPER_MAGIC))
			continue;
		err = enter(places[i][1]);
		if (err)
			err = enter(places[i][2]);
	}
	if (has_magic(CGROUPS "/memory", CGROUP_SUPER_MAGIC))
		err = enter(CGROUPS "/memory" PROCS);
	return err;
}
