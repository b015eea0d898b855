/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads, attaches and pins the BPF programs, or finds them attached. */
#ifndef MMA_PROGRAMS_H
#define MMA_PROGRAMS_H

#include "attached/pins.h"
#include <stdbool.h>

struct mma; /* the skeleton */

/* Whether the pins are an armed attachment of exactly this build, so that nothing needs
 * loading. Checks meta's build id, which is written last, and that the links and the strip
 * program exist. */
bool programs_are_current(const struct maps *maps);

/*
 * Loads the programs over the pinned maps, creating missing maps. Pins maps and programs, finds
 * MPTCP's state (locate) and writes meta. Attaches nothing yet. A fault says what this kernel
 * lacks (exit 3). The caller frees *ret with programs_free() and closes ret_maps with
 * maps_close().
 */
int programs_load(struct mma **ret, struct maps *ret_maps);

/* For a trial: the programs, opened but not loaded, with empty, unpinned maps of their own.
 * Returns NULL and a fault on failure; the caller frees the result with programs_free().
 * ret_object is valid until then. */
struct bpf_object;
struct mma *programs_open(struct bpf_object **ret_object);

/* Loads strip once more over the pinned maps: the same code as a second program. The caller
 * closes ret_fd. */
int programs_load_strip(int *ret_fd);

/* Runs the program `locate`, loaded as prog_fd. Returns 0 or a fault. */
int programs_locate(int prog_fd, __u16 *ret_id);

/* Attaches follow and pins it over an older one. */
int programs_attach_follow(struct mma *programs);

/* Attaches upgrade and pins it over an older one: the commit point. */
int programs_commit(struct mma *programs, const struct maps *maps);

void programs_free(struct mma *programs);

/* Whether sockets are upgraded now: 0, or -errno with the reason as a short text. Reads the
 * pinned links. */
int programs_armed(const char **ret_reason);

/* Why an armed attachment may sometimes miss a socket, or NULL. */
const char *programs_doubt(void);

#endif
