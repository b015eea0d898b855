/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that the kernel keeps of the network namespace we are in. */
#ifndef MMA_NETSTAT_H
#define MMA_NETSTAT_H

/* The number in a file of /proc/sys; -1 where there is none. */
long long sysctl_number(const char *path);

/* Connections that stayed TCP, as the slots of the kernel's table of MPTCP connections that they
 * could have were taken. The table has room for four connections for each MB of memory. */
#define NETSTAT_TABLE_FULL "MPFallbackTokenInit"

/* A counter of the "MPTcpExt:" lines of netstat(8); -1 where there is none. */
long long netstat_mptcp(const char *name);

#endif
