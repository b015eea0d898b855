/* SPDX-License-Identifier: GPL-2.0-only */
/* Notes on what an attach or detach does not change, and what to do about it. */
#ifndef MMA_ADVICE_H
#define MMA_ADVICE_H

#include "host/cgroup.h"
#include "host/netns.h"

/* Notes that the cgroup does not exist yet, that it is attached by id, or that listeners stay
 * TCP until a restart. */
void advise_attached(const struct cgroup *cgroup);

/* Notes that repair is not attached after a restart. */
void advise_repair(const struct cgroup *cgroup);

/* Notes listeners that stay MPTCP until a restart, on every port. */
void advise_detached(const struct cgroup *cgroup);

/* Notes that MPTCP is switched off in the namespace. */
void advise_namespace(const struct netns *netns);

#endif
