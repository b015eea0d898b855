/* SPDX-License-Identifier: GPL-2.0-only */
/* The data of --status, read from the kernel now. The views text.h, json.h and openmetrics.h print
 * it. */
#ifndef MMA_STATUS_READING_H
#define MMA_STATUS_READING_H

#include "attached/accounts.h"
#include "host/cgroup.h"
#include "host/container.h"
#include "host/listeners.h"
#include "host/path_manager.h"
#include "attached/strip_cover.h"
#include "status/names.h"

struct status_service {
	struct mma_path_key key;
	uint64_t id; /* 0: the cgroup does not exist */
	char *by_id_path; /* the path of a cgroup attached by id, or NULL */
	bool is_container; /* according to that path */
	struct container_name container;
	bool upgrading; /* its id is in `cgroups` now */
	bool repair, no_repair; /* attached; not wanted (--no-repair) */
	struct mma_path_key covered_by; /* nearest attached ancestor, or "" */
	struct mma_stats stats;
	const struct account_row *accounts; /* points into struct status */
	size_t n_accounts;
	struct listeners listeners;
};

struct status_netns {
	uint64_t cookie;
	bool covered; /* in the map `netns` */
	bool reachable; /* a process is in it, so the rest is known */
	struct strip_coverage strip;
	int mptcp_enabled; /* 1, 0, or -errno */
	long long blackholes; /* MPTcpExtMPCapable…Blackhole; -1: not counted */
	long long table_full; /* connections that stayed TCP because the kernel's table was full;
			       * -1: not counted */
	int manager_err; /* 0: manager is known; or -errno */
	struct path_manager manager;
	int unprivileged_port; /* net.ipv4.ip_unprivileged_port_start; -1: unknown */
	int blackhole_timeout; /* seconds; 0: never disables MPTCP; -1: no such sysctl */
};

struct status {
	bool attached; /* anything is attached */
	const char *reason; /* why it is not armed; NULL: armed */
	const char *doubt; /* why it may miss a socket although armed; NULL: no doubt */
	const char *uncounted; /* why connections are not counted; NULL: they are */
	const char *unwatched; /* why every socket of a service is upgraded; NULL: only those
				* that can use the allowlist are */
	struct accounts accounts;
	int16_t ports[MMA_MAX_PORTS]; /* entry of the map; -1: none */
	struct status_service *services;
	size_t n_services;
	struct status_netns *netns;
	size_t n_netns;
};

/* Reads all of it. ret may be uninitialised. Returns 0, also if nothing is attached, or a fault. In
 * both cases the caller frees ret with status_free(). */
int status_read(struct status *ret);
void status_free(struct status *status);

#endif
