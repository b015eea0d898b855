/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs of account: counting is worth having, and never in the way. What
 * fails here is noted, and no fault. */
#ifndef MMA_ACCOUNT_H
#define MMA_ACCOUNT_H

#include <stdbool.h>

struct bpf_object;

/* Attaches those that are loaded, and pins the programs; until account_settle()
 * the older ones' links, which are pinned, stay and go on counting. */
void account_attach(const struct bpf_object *object);

/* Pins what is attached over the older links, which go with that; or, where it is
 * not, nothing is left of them. To be called once `meta` names this build. */
void account_settle(void);

/* Whether there is nothing to repair: attached, or refused when it was loaded. */
bool account_is_settled(void);

/* Whether it was refused, although this kernel has what it watches. */
bool account_may_return(void);

/* Why connections are not counted now, or NULL. Valid until the next call. */
const char *account_reason(void);

#endif
