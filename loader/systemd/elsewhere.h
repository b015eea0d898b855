/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds a server that was started by a unit other than its own. */
#ifndef MMA_ELSEWHERE_H
#define MMA_ELSEWHERE_H

#include "systemd/systemd.h"

/* Finds another system service that runs the unit's program and listens. False if there is
 * none, or if the program does not identify the server because it is an interpreter. */
bool elsewhere_find(const struct unit *unit, char ret_name[UNIT_NAME_MAX]);

#endif
