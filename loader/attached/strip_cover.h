/* SPDX-License-Identifier: GPL-2.0-only */
/* Strip on every interface of a namespace, before all other programs: an earlier one may end
 * the chain. */
#ifndef MMA_STRIP_COVER_H
#define MMA_STRIP_COVER_H

#include "host/netns.h"
#include "attached/pins.h"
#include <stddef.h>

/*
 * Puts strip first on every interface of the namespace, and lists the interfaces until no new
 * one appears. Then enters the namespace in the map `netns`: from there on, its sockets are
 * upgraded. Does nothing if all of this is done. No interface loses strip even for a moment.
 * Returns 0 or a fault.
 */
int strip_cover(const struct maps *maps, const struct netns *netns);

struct strip_coverage {
	size_t interfaces; /* in the namespace */
	size_t uncovered; /* have no strip link of ours, or it is not first */
	size_t behind; /* of the uncovered: another program runs before ours */
	char first_uncovered[16]; /* first uncovered interface, or "" */
	char first_behind[16]; /* first interface behind another program, or "" */
	char before[16]; /* the program that is first there, and its id */
	unsigned int before_id;
};

/* Measures the namespace as it is now (BPF_PROG_QUERY inside it). */
int strip_measure(const struct netns *netns, struct strip_coverage *ret);

#endif
