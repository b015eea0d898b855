// SPDX-License-Identifier: GPL-2.0-only
#include "attached/lock.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Never deleted: a new file of that name would be a second lock. */
#define LOCK_FILE "/run/mptcp-mail-attach.lock"
#define LOCK_SECONDS 5

static void on_alarm(int signal)
{
	(void)signal;
}

static int held = -1; /* the descriptor of the lock that this run holds */

/* flock(2) with a timeout. The alarm repeats because it may fire before flock() waits. */
static int wait_bounded(int fd)
{
	struct itimerval bound = { .it_value.tv_sec = LOCK_SECONDS, .it_interval.tv_usec = 100000 };
	struct itimerval off = {};
	int err;

	setitimer(ITIMER_REAL, &bound, NULL);
	err = flock(fd, LOCK_EX) ? -errno : 0;
	setitimer(ITIMER_REAL, &off, NULL);
	return err;
}

/* When the lock holder last reported progress. */
static struct timespec progress_of(int fd)
{
	struct stat st = {};

	fstat(fd, &st);
	return st.st_mtim;
}

/* Waits as long as the runs before this one make progress: one after another they may take
 * longer than any fixed timeout, and each does its work. */
static int wait_while_progress(int fd)
{
	struct timespec before, now = progress_of(fd);
	int err;

	do {
		before = now;
		err = wait_bounded(fd);
		now = progress_of(fd);
	} while (err == -EINTR && (now.tv_sec != before.tv_sec || now.tv_nsec != before.tv_nsec));
	return err;
}

static int wait_for(int fd)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	sigset_t alarm, mask;
	int err;

	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &act, &old);
	sigprocmask(SIG_UNBLOCK, &alarm, &mask); /* our parent may have blocked it */
	err = wait_while_progress(fd);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &old, NULL);
	return err;
}

void lock_progress(void)
{
	if (held >= 0)
		futimens(held, NULL);
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
			     LOCK_FILE
			     ": another run has held it for %d s; find it: fuser " LOCK_FILE,
			     LOCK_SECONDS);
	if (err)
		return fault(-err, LOCK_FILE ": cannot be locked (%s)", strerror(-err));
	held = fd; /* stays open: the kernel drops the lock when the process ends */
	lock_progress();
	return 0;
}

void lock_release(void)
{
	if (held >= 0)
		close(held);
	held = -1;
}
