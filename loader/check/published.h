/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses that a container announces and the host has: DNAT forwards them to the container. */
#ifndef MMA_CHECK_PUBLISHED_H
#define MMA_CHECK_PUBLISHED_H

#include "check/results.h"
#include "check/ways.h"

#define PUBLISHED_MAX 16

struct published {
	struct {
		struct address announced, container;
	} list[PUBLISHED_MAX];
	size_t n; /* further ones are not judged */
};

/* Adds those of a namespace. */
void published_add(struct published *published, const struct ways *ways);

/* Checks that replies leave by the uplink that has the address. Call it in the host's
 * namespace. */
void published_check(struct checks *checks, const struct published *published);

#endif
