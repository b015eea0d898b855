/* SPDX-License-Identifier: GPL-2.0-only */
/* The drop-in of a unit: /etc/systemd/system/UNIT.d/mptcp-mail-attach.conf. A
 * vendor's unit is never touched. */
#ifndef MMA_DROPIN_H
#define MMA_DROPIN_H

#include "systemd/systemd.h"

/*
 * Writes the drop-in that attaches the unit's own cgroup before it starts, with
 * `ports` (LIST as given; NULL: the default list) and without repair, if so. It
 * fails open: whatever becomes of the command, the server starts. ret_changed:
 * whether it was not so already.
 */
int dropin_write(const struct unit *unit, const char *ports, bool no_repair, bool *ret_changed);

bool dropin_exists(const struct unit *unit);

/* Removes it. ret_changed: whether there was one. */
int dropin_remove(const struct unit *unit, bool *ret_changed);

#endif
