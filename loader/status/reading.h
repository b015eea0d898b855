/* SPDX-License-Identifier: GPL-2.0-only */
/* What --status knows, read from the kernel at that moment. How it is written is
 * the views': text.h and json.h. */
#ifndef MMA_STATUS_READING_H
#define MMA_STATUS_READING_H

#include "attached/accounts.h"
#include "host/cgroup.h"
#include "host/container.h"
#include "host/listeners.h"
#include "host/path_manager.h"
#include "attached/strip_cover.h"

struct status_service {
	struct cgroup cgroup;
	uint64_t id; /* 0: not alive */
	char by_id_path[PATH_MAX]; /* where it is, of one attached by id; or "" */
	bool is_container; /* as that path tells */
	struct container_name container;
	bool upgrading; /* its id is in `cgroups` now */
	bool repair, no_repair; /* in place; not asked for */
	struct mma_path_key covered_by; /* "" where nothing covers it */
	struct mma_stats stats;
	const struct account_row *accounts; /* of struct status */
	size_t n_accounts;
	struct listeners listeners;
};

struct status_netns {
	uint64_t cookie;
	bool covered; /* in the map `netns` */
	bool reachable; /* some process is in it: the rest is known */
	struct strip_coverage strip;
	int mptcp_enabled; /* 1, 0, or -errno */
	long long blackholes; /* MPTcpExtMPCapable…Blackhole, -1: not counted */
	long long table_full; /* connections that stayed TCP for that, -1: not counted */
	int manager_err; /* 0: manager is known; or -errno */
	struct path_manager manager;
	int unprivileged_port; /* net.ipv4.ip_unprivileged_port_start, -1: unknown */
	int blackhole_timeout; /* seconds, 0: never disables, -1: no such sysctl */
};

struct status {
	bool attached; /* there is anything at all */
	const char *reason; /* why it is not armed, NULL: armed */
	const char *doubt; /* of what is armed, NULL: none */
	const char *uncounted; /* why connections are not counted, NULL: they are */
	const char *unwatched; /* why every socket of a service is upgraded, whatever the
				* list grants; NULL: those that can use it are */
	struct accounts accounts;
	int16_t ports[MMA_MAX_PORTS]; /* entry of the map, -1: none */
	struct status_service *services;
	size_t n_services;
	struct status_netns *netns;
	size_t n_netns;
};

/* Reads all of it, into what may be uninitialised: 0, also where nothing is
 * attached, or a fault. The caller frees it with status_free(), also then. */
int status_read(struct status *ret);
void status_free(struct status *status);

/* Whether the allowlist allows to listen there. */
bool status_listens_allowed(const struct status *status, uint16_t port);

/* The roles in which any process there could use this port, 0 for all ports. Where
 * there is one, every socket of a service there is MPTCP. */
int status_open_roles(const struct status *status, const struct status_netns *netns, int port);

/* Why this listener does not do what one may expect, or "". */
const char *status_listener_reason(const struct status *status,
				   const struct status_service *service,
				   const struct listener *listener);

/* Of repair on a cgroup that is there: "on", "off" (not asked for), "missing". */
const char *status_repair_word(const struct status_service *service);

/* Names of the counters in JSON, and words for people; by enum mma_counter. */
extern const char *const status_counter_names[MMA_N_COUNTERS];
extern const char *const status_counter_words[MMA_N_COUNTERS];
/* The same by enum mma_connection; the words fit in 10 columns. */
extern const char *const status_connection_names[MMA_N_CONNECTIONS];
extern const char *const status_connection_words[MMA_N_CONNECTIONS];

#endif
