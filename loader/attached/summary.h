/* SPDX-License-Identifier: GPL-2.0-only */
/* What the allowlist grants, in short: struct mma_summary of include/abi.h. */
#ifndef MMA_SUMMARY_H
#define MMA_SUMMARY_H

#include "attached/pins.h"

/*
 * Reads the list and writes what it grants now, so that upgrade leaves alone who can
 * use none of it. Under the lock, after the list was edited. Where nobody watches the
 * list for edits by others, or the list cannot be read, anybody may use it: no fault,
 * for that is the safe side.
 */
void summary_narrow(const struct maps *maps);

/* From now on anybody may use the list, until summary_narrow(): before the programs
 * that watch it go. */
void summary_forget(const struct maps *maps);

/* Whether upgrade knows what the list grants, and goes by that. */
bool summary_is_known(const struct maps *maps);

#endif
