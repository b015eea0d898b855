/* SPDX-License-Identifier: GPL-2.0-only */
/* What --status knows, read from the kernel at that moment; how it is written
 * is status_text.c's and status_json.c's. */
#ifndef MMA_STATUS_H
#define MMA_STATUS_H

#include "cgroup.h"
#include "listeners.h"
#include "strip_links.h"

struct status_service {
	struct cgroup cgroup;
	uint64_t id; /* 0: not alive */
	bool upgrading; /* its id is in `cgroups` now */
	bool repair, no_repair; /* in place; not asked for */
	struct mma_path_key covered_by; /* "" where nothing covers it */
	struct mma_stats stats;
	struct listeners listeners;
};

struct status_netns {
	uint64_t cookie;
	bool covered; /* in the map `netns` */
	bool reachable; /* some process is in it: the rest is known */
	struct strip_coverage strip;
	int mptcp_enabled; /* 1, 0, or -errno */
	long long blackholes; /* MPTcpExtMPCapable…Blackhole, -1: not counted */
	int blackhole_timeout; /* seconds, 0: never disables, -1: no such sysctl */
};

struct status {
	bool attached; /* there is anything at all */
	const char *reason; /* why it is not armed, NULL: armed */
	int16_t ports[MMA_MAX_PORTS]; /* entry of the map, -1: none */
	struct status_service *services;
	size_t n_services;
	struct status_netns *netns;
	size_t n_netns;
};

/* Why this listener does not do what one may expect, or "". */
const char *status_listener_reason(const struct status *status,
				   const struct status_service *service,
				   const struct listener *listener);

/* Of repair on a cgroup that is there: "on", "off" (not asked for), "missing". */
const char *status_repair_word(const struct status_service *service);

/* Names of the counters in JSON, and words for people; by enum mma_counter. */
extern const char *const status_counter_names[MMA_N_COUNTERS];
extern const char *const status_counter_words[MMA_N_COUNTERS];

void status_print_text(const struct status *status);
int status_print_json(const struct status *status);

#endif
