/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that the kernel keeps for the current network namespace. */
#ifndef MMA_NETSTAT_H
#define MMA_NETSTAT_H

/* The number in a file of /proc/sys; -1 if there is none. */
long long sysctl_number(const char *path);

/* Connections that stayed TCP because their possible slots in the kernel's table of MPTCP
 * connections were taken. The table has room for four connections per MB of memory. */
#define NETSTAT_TABLE_FULL "MPFallbackTokenInit"

/* A counter of the "MPTcpExt:" lines of netstat(8); -1 if there is none. */
long long netstat_mptcp(const char *name);

#endif
