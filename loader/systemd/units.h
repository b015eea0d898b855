/* SPDX-License-Identifier: GPL-2.0-only */
/* The units given to --enable and --disable. */
#ifndef MMA_UNITS_H
#define MMA_UNITS_H

#include "request.h"
#include "systemd/systemd.h"

struct units {
	struct unit *list; /* the caller frees it */
	size_t n;
};

/*
 * Looks all of them up. A service that starts no process itself (Debian 12's postfix.service)
 * is replaced by its parts, the services that are PartOf= it, and an instance among them by its
 * template. with_itself: keep it on the list as well. Each unit is listed once. If one cannot
 * be found: a fault, and no list.
 */
int units_find(const struct words *names, bool with_itself, struct units *ret);

/* The unit whose cgroup has this path: a .service or .socket, pointing into the path; NULL if
 * it is none. */
const char *unit_of_path(const char *path);

bool units_include(const struct units *units, const char *name);

/* Only sockets made from now on change: restarts what runs, or says how to. Continues with the
 * others if one fails. */
int units_restart(struct units *units, bool now);

#endif
