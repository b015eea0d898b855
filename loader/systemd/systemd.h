/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd knows about a unit, and asking it to do things: by systemctl(1). */
#ifndef MMA_SYSTEMD_H
#define MMA_SYSTEMD_H

#include <limits.h>
#include <stdbool.h>

#define UNIT_NAME_MAX 256 /* as in systemd, with the NUL */
#define UNIT_NAMES_MAX 1024
#define UNIT_CGROUP_MAX 4096
#define UNIT_SHOWN_MAX 65536 /* what systemctl show prints of one */

/* Stands for any instance of a template, whether it exists or not. */
#define UNIT_ANY_INSTANCE "mptcp-mail-attach"

struct unit {
	char name[UNIT_NAME_MAX]; /* the canonical one, not an alias */
	bool is_socket; /* a .socket unit */
	bool is_template; /* name@.service: no unit by itself */
	bool missing, masked;
	bool running; /* or about to */
	bool own_root; /* RootDirectory= or RootImage=, of ExecStartPre=, too */
	bool transient; /* gone when it stops */
	bool starts_nothing; /* Type=oneshot, and no process of it runs */
	unsigned int start_ms; /* TimeoutStartSec=; UINT_MAX: not known, or none */
	/* The .socket units that make its sockets, active or enabled; by spaces. */
	char sockets[UNIT_NAMES_MAX];
	/* Of a .socket unit: the running service that has its sockets, or "". */
	char service[UNIT_NAME_MAX];
	/* ConsistsOf=: the units that are PartOf= this one; by spaces. */
	char parts[UNIT_NAMES_MAX];
	char binary[PATH_MAX]; /* of the first ExecStart=, or "" */
};

/* 0, or a fault where systemd does not run here. */
int systemd_need(void);

/* Looks a unit up: "postfix" is "postfix.service"; an alias becomes what it
 * stands for. A fault for a name that is none, or of a kind that starts no
 * server. */
int systemd_find_unit(const char *given, struct unit *ret);

/* "a@.service" and "b": "a@b.service". */
void systemd_instance(const char *template, const char *instance, char ret_name[UNIT_NAME_MAX]);

int systemd_reload(void);
/* verb: start, stop, restart or try-restart, for which the name may be a pattern. */
int systemd_do(const char *verb, const char *unit);

#endif
