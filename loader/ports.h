/* SPDX-License-Identifier: GPL-2.0-only */
/* Port lists: parses a LIST, and edits the map `ports`. */
#ifndef MMA_PORTS_H
#define MMA_PORTS_H

#include "abi.h"
#include <stdbool.h>
#include <stdint.h>

/* Roles by port (enum mma_role); 0: not in the list. [MMA_PORT_ALL] is the word "all". */
struct port_list {
	uint8_t roles[MMA_MAX_PORTS];
	bool any; /* at least one port */
};

/* Adds the ports of "25,465/listen,4190-4195,imaps,all" to *list. Looks names up in `services`
 * (services(5); NULL: /etc/services). Returns 0, or a usage fault that quotes the offending
 * item. */
int ports_parse(const char *text, const char *services, struct port_list *list);

/* The default list of --cgroup: the mail ports, each /listen. */
const struct port_list *ports_default(void);

/* A summary of what the map grants. The reader need not exclude editors: it finds every entry
 * that stays. */
struct port_grants {
	uint16_t highest_listen; /* 65535 if "all" may listen; 0: none may */
	bool connects; /* some port may connect */
};

/* 0 or -errno. */
int ports_grants(int map_fd, struct port_grants *ret);

/* Whether the map still grants all of `before`, given that it grants no more. May wrongly be
 * false if only ports that are not for mail may connect. */
bool ports_still_grant(int map_fd, const struct port_grants *before);

/*
 * What an edit makes of a map entry. `own` is the port's entry, `all` that of MMA_PORT_ALL; -1:
 * there is none. `all` applies to a port without an entry of its own, so an edit of one role
 * leaves the other as it was. A denied role is remembered next to the allowed ones, so that
 * --port does not raise it (value 0 if all are denied, else in the high half).
 */
uint8_t ports_added(int own, int all, uint8_t roles); /* --port */
uint8_t ports_allowed(int own, int all, uint8_t roles); /* --allow */
uint8_t ports_denied(int own, int all, uint8_t roles); /* --deny */

typedef uint8_t ports_edit_fn(int own, int all, uint8_t roles);

/* Old entries, to undo an edit: -1 if there was none. */
struct port_undo {
	int16_t before[MMA_MAX_PORTS];
};

/* Edits the map for each port of the list. undo may be NULL. If it fails, nothing has changed. */
int ports_edit(int map_fd, const struct port_list *list, ports_edit_fn *edit,
	       struct port_undo *undo);

/* Restores what ports_edit() of the same list found. */
void ports_undo(int map_fd, const struct port_list *list, const struct port_undo *undo);

#endif
