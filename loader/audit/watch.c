// SPDX-License-Identifier: GPL-2.0-only
#include "audit/watch.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define COMES_OR_GOES (IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVED_TO | IN_MOVED_FROM)

/* BOOTTIME: the S seconds include time in suspend, even though no mail arrives then. */
static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An ignored signal (nohup, a background job) must stay ignored; if blocked, it would show up
 * in the signalfd. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

static int open_signals(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (!is_ignored(ending[i]))
			sigaddset(&set, ending[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int audit_watch_begin(struct audit_watch *watch, const char *dir, unsigned int seconds)
{
	watch->dir = dir;
	watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	watch->signals = open_signals();
	watch->began = now_ms();
	watch->until = seconds ? watch->began + 1000LL * seconds : 0;
	if (watch->inotify < 0 || watch->signals < 0)
		return fault(
			errno,
			"audit: cannot wait for signals and cgroups (%s); see fs.inotify.max_user_instances",
			strerror(errno));
	return 0;
}

void audit_watch_arm(struct audit_watch *watch)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", watch->dir);
	/* A missing parent will be created in an existing one, so watch every directory above,
	 * except the root of the file system. */
	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		inotify_add_watch(watch->inotify, path, COMES_OR_GOES | IN_ONLYDIR);
	}
}

static void drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static int time_left(const struct audit_watch *watch)
{
	long long left = watch->until - now_ms();

	if (!watch->until)
		return -1;
	return left < 0 ? 0 : (int)left;
}

int audit_watch_wait(struct audit_watch *watch, enum audit_woken *ret)
{
	struct pollfd fds[] = {
		{ .fd = watch->signals, .events = POLLIN },
		{ .fd = watch->inotify, .events = POLLIN },
	};
	int n;

	do
		n = poll(fds, sizeof(fds) / sizeof(fds[0]), time_left(watch));
	while (n < 0 && errno == EINTR); /* stopped and continued */
	if (n < 0)
		return fault(errno, "audit: cannot wait (%s)", strerror(errno));
	*ret = !n || fds[0].revents ? AUDIT_WOKEN_END : AUDIT_WOKEN_CGROUP;
	drain(watch->inotify);
	return 0;
}

double audit_watch_seconds(const struct audit_watch *watch)
{
	return (double)(now_ms() - watch->began) / 1000;
}

void audit_watch_close(struct audit_watch *watch)
{
	if (watch->inotify >= 0)
		close(watch->inotify);
	if (watch->signals >= 0)
		close(watch->signals);
}
