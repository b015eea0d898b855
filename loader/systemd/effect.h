/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether systemd will run a drop-in's command: other drop-ins may remove it. */
#ifndef MMA_EFFECT_H
#define MMA_EFFECT_H

#include "systemd/command.h"
#include "systemd/systemd.h"

/* Returns 0 if systemd, after a reload, shows the command in the unit, and in every loaded
 * instance of a template; or a fault that names what removes it. */
int effect_check(const struct unit *unit, const struct command *command);

#endif
