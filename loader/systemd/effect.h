/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether systemd will run a drop-in's command: other drop-ins may take it away. */
#ifndef MMA_EFFECT_H
#define MMA_EFFECT_H

#include "systemd/command.h"
#include "systemd/systemd.h"

/* 0 where systemd, after a reload, shows the command in the unit, and in every
 * instance of a template that is loaded; or a fault that names what takes it away. */
int effect_check(const struct unit *unit, const struct command *command);

#endif
