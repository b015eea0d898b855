/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups of programs without which all else works (account, repair, the list watch): a kernel that
 * does not load one of them is given the object without its group. */
#ifndef MMA_OPTIONAL_H
#define MMA_OPTIONAL_H

#include <stdbool.h>

struct bpf_object;

enum optional_group { OPTIONAL_ACCOUNT, OPTIONAL_REPAIR, OPTIONAL_WATCH, N_OPTIONAL };

/* Zero: every group is wanted, none was refused. */
struct optional {
	bool left_out[N_OPTIONAL];
};

/* Before the object is loaded. */
void optional_leave_out(const struct optional *optional, const struct bpf_object *object);

/* Around it. Whether one of a group did not load: then the group is left out the
 * next time, and this may be called again. */
void optional_watch(void);
bool optional_is_to_blame(struct optional *optional);

#endif
