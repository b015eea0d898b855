/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The links of repair: four on each attached cgroup that is there, pinned as
 * links/repair-get-<cgroup id>, repair-set-, repair-connect4- and repair-connect6-.
 * They go with the cgroup. Repair keeps no attach from being done: what fails here is told,
 * and --status shows it.
 */
#ifndef MMA_REPAIR_H
#define MMA_REPAIR_H

#include "host/cgroup.h"
#include "attached/pins.h"

/* Options that fail, or do nothing, if they are set on an MPTCP socket before connect(),
 * whatever its port, with repair as without: docs/options.md. */
#define REPAIR_LACKS                                                                   \
	"TCP_MAXSEG, TCP_LINGER2, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_NOTSENT_LOWAT, " \
	"TCP_SAVE_SYN, IP_TTL, IP_MTU_DISCOVER, IP_RECVERR, IPV6_TCLASS, "             \
	"IPV6_UNICAST_HOPS, SO_MAX_PACING_RATE, SO_ZEROCOPY, SO_OOBINLINE"

/* Whether this attached path is to have repair: kept with it. */
void repair_choose(const struct maps *maps, const struct mma_path_key *key, bool wanted);

/* Puts repair on the cgroup that is there now, if there is one, or takes it off,
 * as was chosen. */
void repair_apply(const struct maps *maps, const struct cgroup *cgroup);

/* Moves every link over to the pinned programs, after an upgrade of the tool. */
void repair_update_all(void);

/* Unpins links that are on no cgroup any more, or on one that is not attached. */
int repair_sweep(const struct maps *maps);

/* Which programs are pinned now, for repair_in_place(). */
#define REPAIR_PROGRAMS 4
struct repair_programs {
	__u32 ids[REPAIR_PROGRAMS]; /* 0: none */
};
struct repair_programs repair_programs_read(void);

/* Whether all of them see the sockets of this cgroup, by links on it or above
 * it. Measured. */
bool repair_in_place(const struct repair_programs *programs, const char *dir);

#endif
