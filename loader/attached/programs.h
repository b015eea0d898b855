/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF programs: loaded, attached and pinned, or found so. */
#ifndef MMA_PROGRAMS_H
#define MMA_PROGRAMS_H

#include "attached/pins.h"
#include <stdbool.h>

struct mma; /* the skeleton */

/*
 * Whether the pins are an armed attachment of this very build, so that nothing
 * need be loaded: by meta's build id, which is written last, and by the links
 * and the strip program being there.
 */
bool programs_are_current(const struct maps *maps);

/*
 * Loads the programs over the pinned maps, making what is missing, pins maps
 * and programs, finds MPTCP's state (locate) and writes meta. Nothing is
 * attached yet. A failure tells what this kernel lacks (exit 3). The caller
 * frees *ret with programs_free(); ret_maps with maps_close().
 */
int programs_load(struct mma **ret, struct maps *ret_maps);

/*
 * The programs, opened but not loaded, with maps of their own that are empty
 * and pinned nowhere: for a trial. NULL and a fault where that fails; to be
 * freed with programs_free(). ret_object is valid as long.
 */
struct bpf_object;
struct mma *programs_open(struct bpf_object **ret_object);

/* Loads strip once more over the pinned maps: the same code as another program, which
 * the caller closes. */
int programs_load_strip(int *ret_fd);

/* Runs the program `locate`, which is loaded as prog_fd: 0 or a fault. */
int programs_locate(int prog_fd, __u16 *ret_id);

/* Attaches and pins follow, over an older one. */
int programs_attach_follow(struct mma *programs);

/* Attaches and pins upgrade, over an older one: the commit point. */
int programs_commit(struct mma *programs, const struct maps *maps);

void programs_free(struct mma *programs);

/* Whether sockets are being upgraded now, and if not why: 0, or -errno with the
 * reason as a short text. Reads the pinned links. */
int programs_armed(const char **ret_reason);

/* Why what is armed may leave out a socket at times, or NULL. */
const char *programs_doubt(void);

#endif
