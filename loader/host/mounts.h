/* SPDX-License-Identifier: GPL-2.0-only */
/* Which file system a path lies on, by /proc/self/mountinfo: also for a path
 * that does not exist. */
#ifndef MMA_MOUNTS_H
#define MMA_MOUNTS_H

#include <limits.h>
#include <stdbool.h>

struct mount {
	char point[PATH_MAX]; /* without a trailing slash; "" for "/" */
	char root[PATH_MAX]; /* which part of the file system is mounted there */
	char type[32]; /* "cgroup2", "cgroup", … */
	char device[32]; /* "0:26": which instance of it */
};

/* The mount that `path` (absolute, clean) lies on, the innermost and latest.
 * ret_found: whether there is one. 0 or a fault. */
int mount_of_path(const char *path, struct mount *ret, bool *ret_found);

/* The first mount of this type. ret_found: whether there is one. 0 or a fault. */
int mount_of_type(const char *type, struct mount *ret, bool *ret_found);

/* The first mount that hides another one, of this type, at this place: mounted there later, or
 * on a directory above it. ret_found: whether there is one. 0 or a fault. */
int mount_over(const char *point, const char *type, struct mount *ret, bool *ret_found);

/* Whether we see the file systems that process 1 sees: its mount namespace, from its
 * root. Elsewhere (ip netns exec, a sandbox, a chroot) what is missing may well be
 * there, and is not to be mounted. */
bool mounts_are_hosts(void);

/* Where we look, if they are not: "in this mount namespace", or below another root. */
const char *mounts_place(void);

/* Without CAP_SYS_PTRACE, and in some containers, that cannot be asked. */
bool mounts_of_host_are_known(void);

#define HOST_REMEDY \
	"run in the host's mount namespace: nsenter -t 1 -m, nsenter --net=… instead of ip netns exec, or the prefix + in ExecStartPre="

#endif
