/* SPDX-License-Identifier: GPL-2.0-only */
/* What every mode that changes something begins with. */
#ifndef MMA_SESSION_H
#define MMA_SESSION_H

#include "host/cgroup.h"
#include "host/netns.h"
#include "attached/pins.h"
#include "request.h"

/* Root, the lock, and the pinned maps, as maps_open() has them: 0 or a fault.
 * ret_attached: whether anything is attached; what it means if not is the mode's. */
int session_begin(struct maps *ret, bool *ret_attached);

/* The cgroups of a request, resolved. The caller frees the array. */
int session_cgroups(const struct request *request, struct cgroup **ret);

/* Takes out containers that are gone; unpins the links of what is gone: interfaces,
 * namespaces, cgroups; and what killed runs left. What the run was for is done: a failure is a note. Then the list is as it
 * stays: it is summarized for upgrade. */
void session_tidy(const struct maps *maps);
/* The same for entries of cgroups that are gone. */
void session_tidy_services(const struct maps *maps);

/* Puts strip right in every covered namespace, for a mode whose work is another: what
 * fails is a note. */
void session_cover(const struct maps *maps);

/* Adds the namespaces that the processes of this cgroup are in. */
int session_add_namespaces(const struct cgroup *cgroup, struct netns_set *set);

#endif
