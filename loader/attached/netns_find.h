/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces again of which the map `netns` knows but the cookie. */
#ifndef MMA_NETNS_FIND_H
#define MMA_NETNS_FIND_H

#include "host/netns.h"
#include "attached/pins.h"

/*
 * Adds the covered namespaces that are missing in the set, as far as one has a
 * name (ip netns) or any process. What is found in neither way, no process can
 * enter unless it holds a descriptor of it. 0 or a fault.
 */
int netns_add_covered(struct netns_set *set, const struct maps *maps);

#endif
