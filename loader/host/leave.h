/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves the caller's cgroup: a service's resources are for its server. */
#ifndef MMA_LEAVE_H
#define MMA_LEAVE_H

/* Moves this process to the root of the cgroup hierarchy, which has no limits, or, if even that
 * is limited (a container), to systemd's own cgroup. systemd and the journal know a unit's
 * processes by pid and still count it as the unit's. Returns 0, or -errno if the process stays. */
int leave_cgroup(void);

/* Environment variable: the process whose cgroup "self" means, set by a parent that moves this
 * process out of that cgroup before it runs. Accepted only if it names the parent. */
#define SELF_PID "MPTCP_MAIL_ATTACH_SELF_PID"

#endif
