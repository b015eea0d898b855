/* SPDX-License-Identifier: GPL-2.0-only */
/* The drop-in of a unit: /etc/systemd/system/UNIT.d/zz-mptcp-mail-attach.conf. The vendor's
 * unit is never touched. */
#ifndef MMA_DROPIN_H
#define MMA_DROPIN_H

#include "systemd/command.h"
#include "systemd/systemd.h"

/* What was there before; empty unless dropin_write() has changed something. */
struct dropin_undo {
	bool changed, made_dir;
	char *file, *older; /* their text; NULL: did not exist */
};

/*
 * Writes the drop-in that attaches the unit's own cgroup before it starts, with `ports` (LIST
 * as given; NULL: the default list), and without repair if no_repair. It fails open: the server
 * starts even if the command fails. Replaces the drop-in of version 0.1.0. The caller frees
 * ret_undo with dropin_forget().
 */
int dropin_write(const struct unit *unit, const struct command *command, const char *ports,
		 bool no_repair, struct dropin_undo *ret_undo);
void dropin_take_back(const struct unit *unit, const struct dropin_undo *undo);
void dropin_forget(struct dropin_undo *undo);

/* Its path. */
void dropin_path(const struct unit *unit, char ret_path[PATH_MAX]);

bool dropin_exists(const struct unit *unit);

/* Removes it. ret_changed: whether there was one. */
int dropin_remove(const struct unit *unit, bool *ret_changed);

#endif
