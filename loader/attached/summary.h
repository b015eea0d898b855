/* SPDX-License-Identifier: GPL-2.0-only */
/* A summary of what the allowlist grants: struct mma_summary of include/abi.h. */
#ifndef MMA_SUMMARY_H
#define MMA_SUMMARY_H

#include "attached/pins.h"

/*
 * Reads the list and writes what it grants now, so that upgrade skips tasks that can use none
 * of it. Call it under the lock, after the list was edited. If nobody watches the list for
 * edits by others, or it cannot be read, the summary says that anybody may use it: the safe
 * side, and no fault.
 */
void summary_narrow(const struct maps *maps);

/* The same, but does not read the list if the summary is up to date as far as a few lookups
 * show. */
void summary_check(const struct maps *maps);

/* From now until summary_narrow(), anybody may use the list. Call it before the programs that
 * watch the list are detached. */
void summary_forget(const struct maps *maps);

/* Whether upgrade knows and uses what the list grants. */
bool summary_is_known(const struct maps *maps);

#endif
