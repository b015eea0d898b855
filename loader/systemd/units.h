/* SPDX-License-Identifier: GPL-2.0-only */
/* The units that --enable and --disable are given. */
#ifndef MMA_UNITS_H
#define MMA_UNITS_H

#include "request.h"
#include "systemd/systemd.h"

struct units {
	struct unit *list; /* of the caller, to free */
	size_t n;
};

/*
 * Looks all of them up. A service that starts no process itself (Debian 12's
 * postfix.service) stands for its parts, the services that are PartOf= it: an
 * instance among them for its template. with_itself: it stays on the list, too.
 * Each is listed once. A fault, and no list, where one cannot be found.
 */
int units_find(const struct words *names, bool with_itself, struct units *ret);

/* The unit whose cgroup has this path: a .service or .socket, which is the end of the
 * path itself; NULL where it is none. */
const char *unit_of_path(const char *path);

bool units_include(const struct units *units, const char *name);

/* Only sockets that are made from now on change: restarts what runs, or says
 * how. All of them, even if one fails. */
int units_restart(struct units *units, bool now);

#endif
