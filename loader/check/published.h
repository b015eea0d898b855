/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses that a container announces and the host has: by DNAT they lead to the container. */
#ifndef MMA_CHECK_PUBLISHED_H
#define MMA_CHECK_PUBLISHED_H

#include "check/results.h"
#include "check/ways.h"

#define PUBLISHED_MAX 16

struct published {
	struct {
		struct address announced, container;
	} list[PUBLISHED_MAX];
	size_t n; /* what is too much is not judged */
};

/* Adds those of a namespace. */
void published_add(struct published *published, const struct ways *ways);

/* Whether the answers leave by the uplink on which the address is; called in the host's
 * namespace. */
void published_check(struct checks *checks, const struct published *published);

#endif
