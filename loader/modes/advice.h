/* SPDX-License-Identifier: GPL-2.0-only */
/* Notes on what an attach or detach does not change, with what to do about it. */
#ifndef MMA_ADVICE_H
#define MMA_ADVICE_H

#include "host/cgroup.h"
#include "host/netns.h"

/* Not there yet; by id; listeners that stay TCP until a restart. */
void advise_attached(const struct cgroup *cgroup);

/* Repair is not there after a restart. */
void advise_repair(const struct cgroup *cgroup);

/* Listeners that stay MPTCP until a restart, on every port. */
void advise_detached(const struct cgroup *cgroup);

/* MPTCP switched off in it. */
void advise_namespace(const struct netns *netns);

#endif
