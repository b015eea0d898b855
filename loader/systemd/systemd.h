/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd knows about a unit, and requests to systemd: by systemctl(1). */
#ifndef MMA_SYSTEMD_H
#define MMA_SYSTEMD_H

#include <limits.h>
#include <stdbool.h>

#define UNIT_NAME_MAX 256 /* as in systemd, with the NUL */
#define UNIT_NAMES_MAX 1024
#define UNIT_CGROUP_MAX 4096
#define UNIT_SHOWN_MAX 65536 /* what systemctl show prints about one unit */

/* Stands for any instance of a template, existing or not. */
#define UNIT_ANY_INSTANCE "mptcp-mail-attach"

struct unit {
	char name[UNIT_NAME_MAX]; /* canonical, not an alias */
	bool is_socket; /* a .socket unit */
	bool is_template; /* name@.service: cannot run by itself */
	bool missing, masked;
	bool running; /* or about to */
	bool own_root; /* RootDirectory= or RootImage=, which apply to ExecStartPre=, too */
	bool transient; /* gone when it stops */
	bool starts_nothing; /* Type=oneshot, and none of its processes runs */
	unsigned int start_ms; /* TimeoutStartSec=; UINT_MAX: unknown, or none */
	/* The .socket units, active or enabled, that create its sockets; separated by spaces. */
	char sockets[UNIT_NAMES_MAX];
	/* Of a .socket unit: the running service that has its sockets, or "". */
	char service[UNIT_NAME_MAX];
	/* ConsistsOf=: the units that are PartOf= this one; separated by spaces. */
	char parts[UNIT_NAMES_MAX];
	char binary[PATH_MAX]; /* of the first ExecStart=, or "" */
};

/* Returns 0, or a fault if systemd does not run here. */
int systemd_need(void);

/* Looks a unit up: "postfix" means "postfix.service"; an alias is resolved. A fault if the name
 * is no unit's, or of a kind that starts no server. */
int systemd_find_unit(const char *given, struct unit *ret);

/* "a@.service" and "b" make "a@b.service". */
void systemd_instance(const char *template, const char *instance, char ret_name[UNIT_NAME_MAX]);

int systemd_reload(void);
/* verb: start, stop, restart or try-restart; the last one accepts a name pattern. */
int systemd_do(const char *verb, const char *unit);

#endif
