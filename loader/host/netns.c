// SPDX-License-Identifier: GPL-2.0-only
#include "host/netns.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sched.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/nsfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define OWN "/proc/self/ns/net"

/* Each namespace keeps a descriptor open: hence the remedy for EMFILE. */
static const char *remedy(int err, const char *otherwise)
{
	return err == EMFILE ? "there are too many network namespaces; raise the limit: ulimit -Hn"
			     : otherwise;
}

static int read_cookie(const struct netns *netns, void *ret_cookie)
{
	socklen_t len = sizeof(netns->cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return fault(errno, "network namespace: no socket can be made in it (%s); %s",
			     strerror(errno), remedy(errno, "CAP_SYS_ADMIN is needed"));
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len))
		err = fault_kernel(
			errno,
			"network namespace: has no cookie (%s); Linux 5.14 or later is needed",
			strerror(errno));
	close(fd);
	return err;
}

int netns_run(const struct netns *netns, netns_fn *in_it, void *data)
{
	int own = open(OWN, O_RDONLY | O_CLOEXEC);
	int ret;

	if (own < 0)
		return fault(errno, OWN ": cannot be opened (%s); %s", strerror(errno),
			     remedy(errno, "mount proc"));
	if (setns(netns->fd, CLONE_NEWNET)) {
		ret = fault(errno,
			    "network namespace: cannot be entered (%s); CAP_SYS_ADMIN is needed",
			    strerror(errno));
	} else {
		ret = in_it(netns, data);
		/* In the wrong namespace no step may run, not even to undo others: it would
		 * change a namespace that it does not mean. The next run completes the work, as
		 * after a kill. */
		if (setns(own, CLONE_NEWNET))
			_exit(report_fault(
				fault(errno, "network namespace: cannot be left (%s); run it again",
				      strerror(errno))));
	}
	close(own);
	return ret;
}

static bool same(int fd, int other)
{
	struct stat a, b;

	return !fstat(fd, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Takes ownership of the fd. */
static int add_fd(struct netns_set *set, int fd)
{
	struct netns netns = { .fd = fd }, *list;
	int err;

	for (size_t i = 0; i < set->n; i++) {
		if (same(set->list[i].fd, fd)) {
			close(fd);
			return 0;
		}
	}
	err = netns_run(&netns, read_cookie, &netns.cookie);
	if (err) {
		close(fd);
		return err;
	}
	list = realloc(set->list, (set->n + 1) * sizeof(*set->list));
	if (!list) {
		close(fd);
		return fault(ENOMEM, "network namespaces: out of memory");
	}
	set->list = list;
	set->list[set->n++] = netns;
	return 0;
}

int netns_add_path(struct netns_set *set, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0)
		return fault(
			errno, "%s: cannot be opened (%s); %s", path, strerror(errno),
			remedy(errno,
			       "name a network namespace, such as /run/netns/NAME or /proc/PID/ns/net"));
	if (fstatfs(fd, &fs) || fs.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return fault(
			EINVAL,
			"%s: not a network namespace; name one, such as /run/netns/NAME or /proc/PID/ns/net",
			path);
	}
	return add_fd(set, fd);
}

int netns_add_own(struct netns_set *set)
{
	return netns_add_path(set, OWN);
}

/* The error is that of opening its namespace. EACCES counts if the process ended during the
 * open (proc_ns_get_link). */
static bool has_ended(pid_t pid, int error)
{
	return error == ENOENT || error == ESRCH ||
	       (error == EACCES && kill(pid, 0) && errno == ESRCH);
}

int netns_add_processes(struct netns_set *set, const struct cgroup_tree *tree)
{
	for (size_t i = 0; i < tree->n_pids; i++) {
		char path[64];
		int fd, err;

		snprintf(path, sizeof(path), "/proc/%d/ns/net", tree->pids[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		err = fd < 0 ? errno : 0;
		if (err && has_ended(tree->pids[i], err))
			continue; /* or pid 0: in another pid namespace */
		if (err)
			return fault(err, "%s: cannot be opened (%s); %s", path, strerror(err),
				     remedy(err, "CAP_SYS_PTRACE is needed"));
		err = add_fd(set, fd);
		if (err)
			return err;
	}
	return 0;
}

void netns_free(struct netns_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		close(set->list[i].fd);
	free(set->list);
	memset(set, 0, sizeof(*set));
}

/* Uses socket(2), not /proc/sys, which shows some processes the namespace of whoever mounted
 * it, and may be missing. */
int netns_mptcp_enabled(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd >= 0) {
		close(fd);
		return 1;
	}
	return errno == ENOPROTOOPT ? 0 : -errno;
}

static bool is_up(int fd, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return !ioctl(fd, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_UP) &&
	       !(request.ifr_flags & IFF_LOOPBACK);
}

/* Only interfaces that are up count: the kernel may put a tunl0 or sit0 into each new
 * namespace, and they stay down. */
int netns_connected(const struct netns *netns, void *ret_connected)
{
	struct if_nameindex *list = if_nameindex();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool *connected = ret_connected;
	int err = list && fd >= 0
			  ? 0
			  : fault(errno, "interfaces: cannot be listed (%s)", strerror(errno));

	(void)netns;
	*connected = false;
	for (struct if_nameindex *i = list; i && !err && i->if_index; i++)
		*connected |= is_up(fd, i->if_name);
	if (list)
		if_freenameindex(list);
	if (fd >= 0)
		close(fd);
	return err;
}
