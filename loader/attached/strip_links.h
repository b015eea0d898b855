/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The links of strip: one for each interface of a covered namespace, pinned as
 * links/strip-<net cookie>-<ifindex>.
 */
#ifndef MMA_STRIP_LINKS_H
#define MMA_STRIP_LINKS_H

#include "host/netns.h"
#include "attached/pins.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Puts strip on every interface of the namespace, enumerating until no new one
 * appears, and then enters it in the map `netns`: from there on sockets in it
 * are upgraded. A no-op where that is so already. 0 or a fault.
 */
int strip_cover(const struct maps *maps, const struct netns *netns);

/* Takes the namespace out of `netns`, then its strip links off. */
int strip_uncover(const struct maps *maps, uint64_t cookie);

/* The same for every namespace. */
int strip_uncover_all(const struct maps *maps);

/* Moves every strip link over to the pinned program, in place, after an upgrade
 * of the tool. */
int strip_update_all(void);

/* Unpins links of interfaces that are gone, and forgets namespaces that are
 * gone. */
int strip_sweep(const struct maps *maps);

struct strip_coverage {
	size_t interfaces; /* in the namespace */
	size_t uncovered; /* of those, without a strip link of ours */
	char first_uncovered[16]; /* its name, or "" */
};

/* Measures the namespace as it is now (BPF_PROG_QUERY inside it). */
int strip_measure(const struct netns *netns, struct strip_coverage *ret);

#endif
