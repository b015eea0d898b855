// SPDX-License-Identifier: GPL-2.0-only
#include "attached/lock.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <signal.h>

/* Never deleted: a second file of that name would be a second lock. */
#define LOCK_FILE "/run/mptcp-mail-attach.lock"
#define LOCK_SECONDS 5

static void on_alarm(int signal)
{
	(void)signal;
}

/* flock(2) with a bound: the alarm repeats, for it may fire before the wait. */
static int wait_for(int fd)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval bound = { .it_value.tv_sec = LOCK_SECONDS, .it_interval.tv_usec = 100000 };
	struct itimerval off = {};
	int err;

	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	sigaction(SIGALRM, &act, &old);
	setitimer(ITIMER_REAL, &bound, NULL);
	err = flock(fd, LOCK_EX) ? -errno : 0;
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	return err;
}

int lock_take(void)
{
	int fd = open(LOCK_FILE, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err;

	if (fd < 0)
		return fault(
			errno,
			LOCK_FILE
			": cannot be opened (%s); make /run writable, or use the prefix + in ExecStartPre=",
			strerror(errno));
	err = wait_for(fd);
	if (err == -EINTR)
		return fault(EBUSY,
			     LOCK_FILE ": held by another run for %d s; see who: fuser " LOCK_FILE,
			     LOCK_SECONDS);
	if (err)
		return fault(-err, LOCK_FILE ": cannot be locked (%s)", strerror(-err));
	return 0; /* the fd stays open: the lock goes with the process */
}
