/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd knows about a unit, and asking it to do things: by systemctl(1). */
#ifndef MMA_SYSTEMD_H
#define MMA_SYSTEMD_H

#include <stdbool.h>

#define UNIT_NAME_MAX 256 /* as in systemd, with the NUL */

struct unit {
	char name[UNIT_NAME_MAX]; /* the canonical one, not an alias */
	bool is_socket; /* a .socket unit */
	bool is_template; /* name@.service: no unit by itself */
	bool active;
	/* The .socket unit that makes its sockets, if that is active or enabled. */
	char socket[UNIT_NAME_MAX];
};

/* 0, or a fault where systemd does not run here. */
int systemd_need(void);

/* Looks a unit up: "postfix" is "postfix.service"; an alias becomes what it
 * stands for. A fault for a unit that is missing or masked, or of a kind that
 * starts no server. */
int systemd_find_unit(const char *given, struct unit *ret);

int systemd_reload(void);
int systemd_restart(const char *unit);

#endif
