/* SPDX-License-Identifier: GPL-2.0-only */
/* A server that another unit than its own has started. */
#ifndef MMA_ELSEWHERE_H
#define MMA_ELSEWHERE_H

#include "systemd/systemd.h"

/* Finds a service of the system, not this one, in which the unit's program runs and
 * listens. False where there is none, or where the program says nothing of the
 * server: an interpreter. */
bool elsewhere_find(const struct unit *unit, char ret_name[UNIT_NAME_MAX]);

#endif
