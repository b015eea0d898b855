/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups of programs that everything else works without: account, repair, and the watch on the
 * allowlist. If a kernel refuses one of them, the object is loaded without its group. */
#ifndef MMA_OPTIONAL_H
#define MMA_OPTIONAL_H

#include <stdbool.h>

struct bpf_object;

enum optional_group { OPTIONAL_ACCOUNT, OPTIONAL_REPAIR, OPTIONAL_WATCH, N_OPTIONAL };

/* Initialised to zero: every group is wanted, none was refused. */
struct optional {
	bool left_out[N_OPTIONAL];
};

/* Call it before the object is loaded. */
void optional_leave_out(const struct optional *optional, const struct bpf_object *object);

/* Call them before and after the load. optional_is_to_blame() returns whether a program of a
 * group failed to load: then that group is left out the next time, and both may be called
 * again. */
void optional_watch(void);
bool optional_is_to_blame(struct optional *optional);

#endif
