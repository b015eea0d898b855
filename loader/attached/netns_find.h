/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds network namespaces of which the map `netns` knows only the cookie. */
#ifndef MMA_NETNS_FIND_H
#define MMA_NETNS_FIND_H

#include "host/netns.h"
#include "attached/pins.h"

/* Adds the covered namespaces that are missing in the set and have a name (ip netns) or a
 * process. A process can enter any other one only if it holds a descriptor of it. Returns 0 or
 * a fault. */
int netns_add_covered(struct netns_set *set, const struct maps *maps);

#endif
