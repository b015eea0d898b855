/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The links of strip: one for each interface of a covered namespace, pinned as
 * links/strip-<net cookie>-<ifindex>. Which interfaces carry one: strip_cover.h.
 */
#ifndef MMA_STRIP_LINKS_H
#define MMA_STRIP_LINKS_H

#include "attached/pins.h"
#include <stdint.h>

/* The name of an interface's pin. */
struct strip_name {
	char name[64];
};
struct strip_name strip_name(uint64_t cookie, unsigned int ifindex);

/* The id of the pinned link of this name, and its interface, 0 where that is gone;
 * 0: none. */
__u32 strip_pinned(const char *name, __u32 *ret_ifindex);

/* Pins a link under a name that may be another device's, which has moved: that one
 * is kept under a name of its own. With `brought`, other names of this link go. */
int strip_pin(int fd, const char *name, bool brought);

/* Pins a link in place of an older one of the same interface, and ends that one. */
int strip_pin_instead(int fd, const char *name);

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

#endif
