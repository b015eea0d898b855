/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs that only observe kernel functions. They are useful but optional: what fails
 * here is a note, not a fault. */
#ifndef MMA_OBSERVERS_H
#define MMA_OBSERVERS_H

#include <stdbool.h>

struct bpf_object;

enum observer {
	OBSERVER_ACCOUNT, /* counts connections */
	OBSERVER_LIST, /* notices edits of the allowlist by others than the loader */
	N_OBSERVERS,
};

/* Attaches the loaded observers and pins their programs. The pinned links of older ones stay,
 * and work, until observers_settle(). */
void observers_attach(const struct bpf_object *object);

/* Pins each new link over the older one, which detaches the older one. Removes the pins of an
 * observer that is not attached. Call it once `meta` names this build. */
void observers_settle(void);

/* Whether each observer is attached or was refused at load, so nothing needs mending. */
bool observers_are_settled(void);

/* Whether an observer was refused although this kernel has the functions it watches. */
bool observers_may_return(void);

/* Whether this observer is attached now. */
bool observer_is_attached(enum observer observer);

/* Whether an edit of the allowlist may have gone unnoticed: the kernel counts each time that it
 * skips a program. An edit is missed if it skips both. */
bool observers_missed_edits(void);

/* What the observer lacks, and why; NULL if nothing. Valid until the next call for the same
 * observer. */
const char *observer_reason(enum observer observer);

#endif
