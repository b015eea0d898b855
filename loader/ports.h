/* SPDX-License-Identifier: GPL-2.0-only */
/* Port lists: reading LIST, and the entries of the map `ports`. */
#ifndef MMA_PORTS_H
#define MMA_PORTS_H

#include "abi.h"
#include <stdbool.h>
#include <stdint.h>

/* Roles for each port (enum mma_role), 0: not in the list. [MMA_PORT_ALL] is
 * the word "all". */
struct port_list {
	uint8_t roles[MMA_MAX_PORTS];
	bool any; /* at least one port */
};

/*
 * Adds the ports of "25,465/listen,4190-4195,imaps,all" to *list. Names are
 * looked up in `services` (services(5); NULL: /etc/services). Returns 0, or a
 * fault (usage) that quotes the offending item.
 */
int ports_parse(const char *text, const char *services, struct port_list *list);

/* The default list of --cgroup: the mail ports, each /listen. */
void ports_default(struct port_list *list);

/* What the map grants, in short. Its reader need not hold off those who edit it:
 * an entry that stays is found. */
struct port_grants {
	uint16_t highest_listen; /* 65535 where "all" may listen, 0: none may */
	bool connects; /* some port may connect */
};

/* 0 or -errno. */
int ports_grants(int map_fd, struct port_grants *ret);

/*
 * What an entry of the map becomes. `own` is the entry, -1 where there is
 * none; `all` is the entry of MMA_PORT_ALL, -1 where there is none, and counts
 * for a port without an entry of its own, so that an edit of one role leaves
 * the other as it was. A role that was denied is remembered beside the others
 * (value 0 when all are, else in the high half), for --port not to raise it.
 */
uint8_t ports_added(int own, int all, uint8_t roles); /* --port */
uint8_t ports_allowed(int own, int all, uint8_t roles); /* --allow */
uint8_t ports_denied(int own, int all, uint8_t roles); /* --deny */

typedef uint8_t ports_edit_fn(int own, int all, uint8_t roles);

/* Old entries of an edit, for taking it back: -1 where there was none. */
struct port_undo {
	int16_t before[MMA_MAX_PORTS];
};

/* Edits the map for each port of the list. undo may be NULL. On failure
 * nothing has changed. */
int ports_edit(int map_fd, const struct port_list *list, ports_edit_fn *edit,
	       struct port_undo *undo);

/* Puts back what ports_edit() of the same list found. */
void ports_undo(int map_fd, const struct port_list *list, const struct port_undo *undo);

#endif
