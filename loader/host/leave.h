/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaving the caller's cgroup: what a service may use is for its server. */
#ifndef MMA_LEAVE_H
#define MMA_LEAVE_H

/*
 * Moves this process to the root of the cgroup hierarchy, which has no limits, or
 * where there are limits, too (a container), to systemd's own cgroup. systemd and
 * the journal know a unit's processes by their pid and go on to take it for one.
 * Returns 0, or -errno where it stays.
 */
int leave_cgroup(void);

/* Environment: the process whose cgroup "self" is, where a parent has this one leave
 * it before it runs. Of no other process than the parent is it believed. */
#define SELF_PID "MPTCP_MAIL_ATTACH_SELF_PID"

#endif
