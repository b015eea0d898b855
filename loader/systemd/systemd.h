/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd knows about a unit, and asking it to do things: by systemctl(1). */
#ifndef MMA_SYSTEMD_H
#define MMA_SYSTEMD_H

#include <stdbool.h>

#define UNIT_NAME_MAX 256 /* as in systemd, with the NUL */
#define UNIT_NAMES_MAX 1024

struct unit {
	char name[UNIT_NAME_MAX]; /* the canonical one, not an alias */
	bool is_socket; /* a .socket unit */
	bool is_template; /* name@.service: no unit by itself */
	bool missing, masked;
	bool running; /* or about to */
	bool own_root; /* RootDirectory= or RootImage= */
	unsigned int start_ms; /* TimeoutStartSec=; UINT_MAX: not known, or none */
	/* The .socket units that make its sockets, active or enabled; by spaces. */
	char sockets[UNIT_NAMES_MAX];
	/* Of a .socket unit: the running service that has its sockets, or "". */
	char service[UNIT_NAME_MAX];
};

/* 0, or a fault where systemd does not run here. */
int systemd_need(void);

/* Looks a unit up: "postfix" is "postfix.service"; an alias becomes what it
 * stands for. A fault for a name that is none, or of a kind that starts no
 * server. */
int systemd_find_unit(const char *given, struct unit *ret);

int systemd_reload(void);
/* verb: start, stop or restart. */
int systemd_do(const char *verb, const char *unit);

#endif
