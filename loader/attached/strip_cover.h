/* SPDX-License-Identifier: GPL-2.0-only */
/* Strip on every interface of a namespace, and before all other programs there:
 * one that runs earlier may end the chain. */
#ifndef MMA_STRIP_COVER_H
#define MMA_STRIP_COVER_H

#include "host/netns.h"
#include "attached/pins.h"
#include <stddef.h>

/*
 * Puts strip on every interface of the namespace, first of its programs, listing
 * the interfaces until no new one appears, and then enters it in the map `netns`:
 * from there on sockets in it are upgraded. A no-op where that is so already. No
 * interface is without strip for a moment. 0 or a fault.
 */
int strip_cover(const struct maps *maps, const struct netns *netns);

struct strip_coverage {
	size_t interfaces; /* in the namespace */
	size_t uncovered; /* of those: no strip link of ours, or not first */
	size_t behind; /* of the uncovered: another program is before ours */
	char first_uncovered[16]; /* its name, or "" */
	char first_behind[16]; /* the first of these, or "" */
	char before[16]; /* the program that is first there, and its id */
	unsigned int before_id;
};

/* Measures the namespace as it is now (BPF_PROG_QUERY inside it). */
int strip_measure(const struct netns *netns, struct strip_coverage *ret);

#endif
