/* SPDX-License-Identifier: GPL-2.0-only */
/* Which file system a path is on, by /proc/self/mountinfo, so it works for paths that do not
 * exist, too. */
#ifndef MMA_MOUNTS_H
#define MMA_MOUNTS_H

#include <limits.h>
#include <stdbool.h>

struct mount {
	char point[PATH_MAX]; /* without a trailing slash; "" for "/" */
	char root[PATH_MAX]; /* which part of the file system is mounted there */
	char type[32]; /* "cgroup2", "cgroup", … */
	char device[32]; /* "0:26": the instance */
};

/* The innermost, latest mount that contains `path` (absolute, clean). ret_found: whether there
 * is one. Returns 0 or a fault. */
int mount_of_path(const char *path, struct mount *ret, bool *ret_found);

/* The first mount of this type. ret_found: whether there is one. Returns 0 or a fault. */
int mount_of_type(const char *type, struct mount *ret, bool *ret_found);

/* The first mount that hides a mount of this type at this place: it was mounted there later, or
 * on a directory above it. ret_found: whether there is one. Returns 0 or a fault. */
int mount_over(const char *point, const char *type, struct mount *ret, bool *ret_found);

/* Whether we see the file systems that process 1 sees: its mount namespace, from its root.
 * Elsewhere (ip netns exec, a sandbox, a chroot) a file system that is missing may exist on the
 * host, so do not mount it. */
bool mounts_are_hosts(void);

/* Where we are if mounts_are_hosts() is false: "in this mount namespace" or "below this root
 * directory". */
const char *mounts_place(void);

/* Whether mounts_are_hosts() can tell; not without CAP_SYS_PTRACE, and not in some containers. */
bool mounts_of_host_are_known(void);

#define HOST_REMEDY \
	"run in the host's mount namespace: nsenter -t 1 -m, nsenter --net=… instead of ip netns exec, or the prefix + in ExecStartPre="

#endif
