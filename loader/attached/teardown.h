/* SPDX-License-Identifier: GPL-2.0-only */
/* Removes everything, in the reverse order of an attach. */
#ifndef MMA_TEARDOWN_H
#define MMA_TEARDOWN_H

#include "attached/pins.h"

/* Works from any state, even one that a killed run left; maps may be closed. */
int teardown(const struct maps *maps);

#endif
