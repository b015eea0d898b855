/* SPDX-License-Identifier: GPL-2.0-only */
/* Waits for one of three things: a signal to end, the end of the time, or a cgroup that came or
 * went. */
#ifndef MMA_AUDIT_WATCH_H
#define MMA_AUDIT_WATCH_H

struct audit_watch {
	const char *dir; /* of the cgroup */
	int signals, inotify; /* fds */
	long long began, until; /* CLOCK_BOOTTIME in ms; until: 0 for no end */
};

enum audit_woken {
	AUDIT_WOKEN_END, /* time is up, or a signal asked to end */
	AUDIT_WOKEN_CGROUP, /* look at the cgroup again */
};

/* From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the wait, not the process, unless
 * ignored. seconds: 0 for no end. Returns 0 or a fault; call audit_watch_close() either way. */
int audit_watch_begin(struct audit_watch *watch, const char *dir, unsigned int seconds);

/* Watches for the cgroup and each directory above it to come and go. Call it before looking at
 * the cgroup. */
void audit_watch_arm(struct audit_watch *watch);

/* Returns 0 or a fault. */
int audit_watch_wait(struct audit_watch *watch, enum audit_woken *ret);

double audit_watch_seconds(const struct audit_watch *watch);
void audit_watch_close(struct audit_watch *watch);

#endif
