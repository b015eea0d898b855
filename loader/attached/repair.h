/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The links of repair: four on each attached cgroup that exists, pinned as
 * links/repair-get-<cgroup id>, repair-set-, repair-connect4- and repair-connect6-. The kernel
 * detaches them with the cgroup. A failure here is reported, and --status shows it, but it does
 * not prevent an attach.
 */
#ifndef MMA_REPAIR_H
#define MMA_REPAIR_H

#include "host/cgroup.h"
#include "attached/pins.h"

/* Options that fail or have no effect if set on an MPTCP socket before connect(), on any port,
 * with or without repair: docs/options.md. */
#define REPAIR_LACKS                                                                   \
	"TCP_MAXSEG, TCP_LINGER2, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_NOTSENT_LOWAT, " \
	"TCP_SAVE_SYN, IP_TTL, IP_MTU_DISCOVER, IP_RECVERR, IPV6_TCLASS, "             \
	"IPV6_UNICAST_HOPS, SO_MAX_PACING_RATE, SO_ZEROCOPY, SO_OOBINLINE"

/* Records with this attached path whether it gets repair. */
void repair_choose(const struct maps *maps, const struct mma_path_key *key, bool wanted);

/* Attaches repair to the path's current cgroup, if there is one, or detaches it, as
 * repair_choose() has recorded. A failure is only a note. */
void repair_apply(const struct maps *maps, const struct cgroup *cgroup);

/* Moves every link to the pinned programs, in place, after an upgrade of the tool. */
void repair_update_all(void);

/* Unpins links whose cgroup is gone or no longer attached. */
int repair_sweep(const struct maps *maps);

/* The programs that are pinned now, for repair_in_place(). */
#define REPAIR_PROGRAMS 4
struct repair_programs {
	__u32 ids[REPAIR_PROGRAMS]; /* 0: none */
};
struct repair_programs repair_programs_read(void);

/* Asks the kernel whether all of them run for the sockets of the cgroup whose directory this is, by
 * links on it or on an ancestor. */
bool repair_in_place(const struct repair_programs *programs, int dir_fd);

#endif
