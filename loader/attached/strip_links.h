/* SPDX-License-Identifier: GPL-2.0-only */
/* The links of strip: one per interface of a covered namespace, pinned as links/strip-<net
 * cookie>-<ifindex>. strip_cover.h decides which interfaces have one. */
#ifndef MMA_STRIP_LINKS_H
#define MMA_STRIP_LINKS_H

#include "attached/pins.h"
#include <stdint.h>

/* The name of an interface's pin. */
struct strip_name {
	char name[64];
};
struct strip_name strip_name(uint64_t cookie, unsigned int ifindex);

/* The id of the link pinned under this name; 0: none. ret_ifindex: its interface, 0 if that is
 * gone. */
__u32 strip_pinned(const char *name, __u32 *ret_ifindex);

/* Pins a link. If the name belongs to the link of a device that has moved away, that link gets
 * a name of its own. With `brought`, removes the other names of this link. */
int strip_pin(int fd, const char *name, bool brought);

/* Pins a link in place of an older one of the same interface, and detaches the older one. */
int strip_pin_instead(int fd, const char *name);

/* Takes the namespace out of `netns`, then removes its strip links. */
int strip_uncover(const struct maps *maps, uint64_t cookie);

/* The same for every namespace. */
int strip_uncover_all(const struct maps *maps);

/* Moves every strip link to the pinned program, in place, after an upgrade of the tool. */
int strip_update_all(void);

/* Unpins the links of removed interfaces and forgets removed namespaces. */
int strip_sweep(const struct maps *maps);

#endif
