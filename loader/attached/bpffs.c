// SPDX-License-Identifier: GPL-2.0-only
#include "attached/bpffs.h"
#include "host/mounts.h"
#include "pin_names.h"
#include "report.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* 1, 0, or -errno if unknown. An error is no proof that nothing is attached. */
static int is_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return errno == ENOENT ? 0 : -errno;
	return fs.f_type == BPF_FS_MAGIC;
}

/* Another mount namespace may see the same instance (systemd's sandboxes do), so compare the
 * device. */
static bool is_hosts_instance(void)
{
	struct stat own, host;

	return mounts_are_hosts() ||
	       (!stat(MMA_BPFFS, &own) && !stat("/proc/1/root" MMA_BPFFS, &host) &&
		own.st_dev == host.st_dev);
}

int bpffs_look(bool *ret_there)
{
	int is = is_bpffs(MMA_BPFFS);

	*ret_there = is > 0;
	if (is < 0)
		return fault(-is, MMA_BPFFS ": cannot be looked at (%s)", strerror(-is));
	if (!mounts_of_host_are_known())
		return fault(
			EACCES, MMA_BPFFS
			": cannot tell whether it is the host's; run as root with CAP_SYS_PTRACE, where /proc/1/ns/mnt can be read");
	if (!is && !mounts_are_hosts())
		return fault(ENOENT, MMA_BPFFS ": no BPF file system %s; " HOST_REMEDY,
			     mounts_place());
	if (is && !is_hosts_instance())
		return fault(
			EXDEV, MMA_BPFFS
			": a private BPF file system that the host does not see; " HOST_REMEDY);
	return 0;
}

int bpffs_need(void)
{
	bool there;
	int err = bpffs_look(&there);

	if (err || there)
		return err;
	if (mount("bpf", MMA_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return fault(
			errno,
			MMA_BPFFS
			": the BPF file system cannot be mounted (%s); mount it: mount -t bpf bpf " MMA_BPFFS,
			strerror(errno));
	detail(MMA_BPFFS ": mounted");
	return 0;
}
