/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for one of three things: a signal to end, the end of the time, a
 * cgroup that came or went. */
#ifndef MMA_AUDIT_WATCH_H
#define MMA_AUDIT_WATCH_H

struct audit_watch {
	const char *dir; /* of the cgroup */
	int signals, inotify; /* fds */
	long long began, until; /* CLOCK_BOOTTIME in ms; until: 0 without end */
};

enum audit_woken {
	AUDIT_WOKEN_END, /* time is up, or a signal asked to end */
	AUDIT_WOKEN_CGROUP, /* look at the cgroup again */
};

/* From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the wait and not the
 * process, unless ignored. seconds: 0 without end. 0 or a fault; close in any case. */
int audit_watch_begin(struct audit_watch *watch, const char *dir, unsigned int seconds);

/* Makes sure that the coming and going of the cgroup, and of each directory
 * above it, is noticed: to be called before the cgroup is looked at. */
void audit_watch_arm(struct audit_watch *watch);

/* 0 or a fault. */
int audit_watch_wait(struct audit_watch *watch, enum audit_woken *ret);

double audit_watch_seconds(const struct audit_watch *watch);
void audit_watch_close(struct audit_watch *watch);

#endif
