/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs that only watch functions of the kernel: worth having, and never in
 * the way. What fails here is noted, and no fault. */
#ifndef MMA_OBSERVERS_H
#define MMA_OBSERVERS_H

#include <stdbool.h>

struct bpf_object;

enum observer {
	OBSERVER_ACCOUNT, /* counts connections */
	OBSERVER_LIST, /* notices edits of the allowlist by others than the loader */
	N_OBSERVERS,
};

/* Attaches those that are loaded, and pins the programs; until observers_settle()
 * the older ones' links, which are pinned, stay and go on. */
void observers_attach(const struct bpf_object *object);

/* Pins what is attached over the older links, which go with that; or, where it is
 * not, nothing is left of them. To be called once `meta` names this build. */
void observers_settle(void);

/* Whether there is nothing to repair: attached, or refused when it was loaded. */
bool observers_are_settled(void);

/* Whether one was refused, although this kernel has what it watches. */
bool observers_may_return(void);

/* Whether this one is attached now. */
bool observer_is_attached(enum observer observer);

/* What is missing of it and why, or NULL. Valid until the next call
 * for the same one. */
const char *observer_reason(enum observer observer);

#endif
