// SPDX-License-Identifier: GPL-2.0-only
#include "ports.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICES "/etc/services"

/* The high half of an entry has the roles that --deny removed while the other one stayed. */
#define DENIED_SHIFT 4

static const uint16_t mail[] = { 25, 465, 587, 110, 995, 143, 993 };
#define N_MAIL (sizeof(mail) / sizeof(mail[0]))

/* Reads services(5) itself: getservbyname(3) cannot tell a missing file from an unknown
 * name. */
static int port_of_name(const char *name, const char *services, long *ret_port)
{
	FILE *file = fopen(services, "re");
	char line[512];

	if (!file)
		return fault_usage(
			"%s: a service name, and %s cannot be read (%s); use the port's number",
			name, services, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		char *save = NULL, *word, *rest;
		bool named = false;
		long port = 0;

		line[strcspn(line, "#\n")] = '\0';
		word = strtok_r(line, " \t", &save);
		if (!word)
			continue;
		named = !strcmp(word, name);
		word = strtok_r(NULL, " \t", &save);
		if (!word)
			continue;
		port = strtol(word, &rest, 10);
		if (strcmp(rest, "/tcp"))
			continue;
		while (!named && (word = strtok_r(NULL, " \t", &save)))
			named = !strcmp(word, name);
		if (named && port > 0 && port < MMA_MAX_PORTS) {
			fclose(file);
			*ret_port = port;
			return 0;
		}
	}
	fclose(file);
	return fault_usage("%s: not a TCP service in %s; use the port's number", name, services);
}

/* Accepts only digits; strtol() would accept "+25", " 25" and "25x". */
static bool read_number(const char *text, long *ret_number)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 6 || text[digits])
		return false;
	*ret_number = strtol(text, NULL, 10);
	return true;
}

/* "4190-4195". */
static bool read_range(const char *text, long *ret_first, long *ret_last)
{
	char first[8];
	size_t len = strcspn(text, "-");

	if (!text[len] || len >= sizeof(first))
		return false;
	memcpy(first, text, len);
	first[len] = '\0';
	return read_number(first, ret_first) && read_number(text + len + 1, ret_last);
}

static int port_of_number(const char *item, long port)
{
	if (port < 1 || port >= MMA_MAX_PORTS)
		return fault_usage(
			"%s: port %ld is out of range; ports are 1 to 65535, and \"all\" stands for every one",
			item, port);
	return 0;
}

static int read_roles(const char *item, const char *word, uint8_t *ret_roles)
{
	if (!strcmp(word, "listen"))
		*ret_roles = MMA_ROLE_LISTEN;
	else if (!strcmp(word, "connect"))
		*ret_roles = MMA_ROLE_CONNECT;
	else
		return fault_usage(
			"%s: unknown role \"%s\"; the roles are listen and connect, and a bare port is both",
			item, word);
	return 0;
}

static int parse_item(const char *item, const char *services, struct port_list *list)
{
	uint8_t roles = MMA_ROLE_BOTH;
	char text[128], *slash;
	long first = 0, last = 0;
	int err;

	if (!item[0])
		return fault_usage("an empty item in a port list; write it as 25,465,587");
	if (strlen(item) >= sizeof(text))
		return fault_usage(
			"%.20s…: too long for a port; write ports as 25, 4190-4195 or imaps", item);
	strcpy(text, item);
	slash = strchr(text, '/');
	if (slash) {
		*slash = '\0';
		if (!text[0])
			return fault_usage("%s: no port before the role; write it as 25/listen",
					   item);
		err = read_roles(item, slash + 1, &roles);
		if (err)
			return err;
	}
	if (!strcmp(text, "all")) {
		list->roles[MMA_PORT_ALL] |= roles;
		list->any = true;
		return 0;
	}
	if (read_number(text, &first)) {
		last = first;
	} else if (read_range(text, &first, &last)) {
		if (first > last)
			return fault_usage("%s: the range runs backwards; write %ld-%ld", item,
					   last, first);
	} else {
		if (text[0] >= '0' && text[0] <= '9')
			return fault_usage(
				"%s: not a port; write a number from 1 to 65535, a range as 4190-4195 or a name as imaps",
				item);
		err = port_of_name(text, services, &first);
		if (err)
			return err;
		last = first;
	}
	err = port_of_number(item, first);
	if (!err)
		err = port_of_number(item, last);
	if (err)
		return err;
	for (long port = first; port <= last; port++)
		list->roles[port] |= roles;
	list->any = true;
	return 0;
}

int ports_parse(const char *text, const char *services, struct port_list *list)
{
	char *copy = strdup(text), *rest = copy, *item;
	int err = 0;

	if (!copy)
		return fault(ENOMEM, "port list: out of memory");
	while (!err && (item = strsep(&rest, ",")))
		err = parse_item(item, services ? services : SERVICES, list);
	free(copy);
	return err;
}

const struct port_list *ports_default(void)
{
	static struct port_list list;

	for (size_t i = 0; i < N_MAIL; i++)
		list.roles[mail[i]] = MMA_ROLE_LISTEN;
	list.any = true;
	return &list;
}

static uint8_t base_of(int own, int all)
{
	if (own >= 0)
		return (uint8_t)own & MMA_ROLE_BOTH;
	return all >= 0 ? (uint8_t)all & MMA_ROLE_BOTH : 0;
}

static uint8_t denied_of(int own)
{
	if (own < 0)
		return 0;
	if (own == 0)
		return MMA_ROLE_BOTH;
	return ((uint8_t)own >> DENIED_SHIFT) & MMA_ROLE_BOTH;
}

static uint8_t entry(uint8_t roles, uint8_t denied)
{
	denied &= (uint8_t)~roles;
	return denied == MMA_ROLE_BOTH ? 0 : (uint8_t)(roles | denied << DENIED_SHIFT);
}

uint8_t ports_added(int own, int all, uint8_t roles)
{
	uint8_t denied = denied_of(own);

	return entry((uint8_t)(base_of(own, all) | (roles & ~denied)), denied);
}

uint8_t ports_allowed(int own, int all, uint8_t roles)
{
	return entry(base_of(own, all) | roles, denied_of(own));
}

uint8_t ports_denied(int own, int all, uint8_t roles)
{
	return entry(base_of(own, all) & (uint8_t)~roles, denied_of(own) | roles);
}

static void add_grant(uint16_t port, uint8_t roles, struct port_grants *grants)
{
	if (port == MMA_PORT_ALL)
		port = UINT16_MAX;
	if ((roles & MMA_ROLE_LISTEN) && port > grants->highest_listen)
		grants->highest_listen = port;
	if (roles & MMA_ROLE_CONNECT)
		grants->connects = true;
}

int ports_grants(int map_fd, struct port_grants *ret)
{
	enum { ROOM = 4096 };
	static uint16_t ports[ROOM];
	static uint8_t roles[ROOM];
	uint32_t place, n;
	int err;

	memset(ret, 0, sizeof(*ret));
	for (bool first = true;; first = false) {
		n = ROOM;
		err = bpf_map_lookup_batch(map_fd, first ? NULL : &place, &place, ports, roles, &n,
					   NULL);
		if (err && err != -ENOENT)
			return err;
		for (uint32_t i = 0; i < n; i++)
			add_grant(ports[i], roles[i], ret);
		if (err) /* -ENOENT: that was the last batch */
			return 0;
	}
}

/* ret_entry: -1 if the port has none. */
static int read_entry(int map_fd, uint16_t port, int *ret_entry)
{
	uint8_t value;
	int err = bpf_map_lookup_elem(map_fd, &port, &value);

	*ret_entry = err ? -1 : value;
	return err == -ENOENT ? 0 : err;
}

static bool has_role(int map_fd, uint16_t port, uint8_t role)
{
	int own;

	return !read_entry(map_fd, port, &own) && own >= 0 && own & role;
}

static bool still_connects(int map_fd)
{
	for (size_t i = 0; i < N_MAIL; i++)
		if (has_role(map_fd, mail[i], MMA_ROLE_CONNECT))
			return true;
	return has_role(map_fd, MMA_PORT_ALL, MMA_ROLE_CONNECT);
}

bool ports_still_grant(int map_fd, const struct port_grants *before)
{
	uint16_t highest = before->highest_listen;

	if (before->connects && !still_connects(map_fd))
		return false;
	return !highest || has_role(map_fd, highest, MMA_ROLE_LISTEN) ||
	       (highest == UINT16_MAX && has_role(map_fd, MMA_PORT_ALL, MMA_ROLE_LISTEN));
}

/* The first port of the list that is not below this one; MMA_MAX_PORTS: none. */
static uint32_t next_port(const struct port_list *list, uint32_t port)
{
	for (uint64_t eight; port < MMA_MAX_PORTS; port++) {
		if (list->roles[port])
			return port;
		while (!((port + 1) % sizeof(eight)) && port + sizeof(eight) < MMA_MAX_PORTS) {
			memcpy(&eight, &list->roles[port + 1], sizeof(eight));
			if (eight)
				break;
			port += sizeof(eight);
		}
	}
	return MMA_MAX_PORTS;
}

static void put_back(int map_fd, const struct port_list *list, const struct port_undo *undo,
		     uint32_t end)
{
	for (uint32_t port = next_port(list, 0); port < end; port = next_port(list, port + 1)) {
		uint16_t key = (uint16_t)port;
		uint8_t value = (uint8_t)undo->before[port];

		if (undo->before[port] < 0)
			bpf_map_delete_elem(map_fd, &key);
		else
			bpf_map_update_elem(map_fd, &key, &value, BPF_ANY);
	}
}

void ports_undo(int map_fd, const struct port_list *list, const struct port_undo *undo)
{
	put_back(map_fd, list, undo, MMA_MAX_PORTS);
}

static int edit_one(int map_fd, uint16_t port, int all, ports_edit_fn *edit, uint8_t roles,
		    int16_t *ret_before)
{
	uint8_t value;
	int own, err = read_entry(map_fd, port, &own);

	if (err)
		return err;
	*ret_before = (int16_t)own;
	value = edit(own, port == MMA_PORT_ALL ? -1 : all, roles);
	return value == own ? 0 : bpf_map_update_elem(map_fd, &port, &value, BPF_ANY);
}

int ports_edit(int map_fd, const struct port_list *list, ports_edit_fn *edit,
	       struct port_undo *undo)
{
	static struct port_undo own_undo;
	int all, err = read_entry(map_fd, MMA_PORT_ALL, &all);
	uint32_t port = 0;

	if (err)
		return fault(-err, "ports: cannot be read (%s)", strerror(-err));
	if (!undo)
		undo = &own_undo;
	while (!err && (port = next_port(list, port)) < MMA_MAX_PORTS) {
		err = edit_one(map_fd, (uint16_t)port, all, edit, list->roles[port],
			       &undo->before[port]);
		port += !err;
	}
	if (!err)
		return 0;
	put_back(map_fd, list, undo, port);
	return fault(-err, "port %u: cannot be written to the allowlist (%s); nothing was changed",
		     port, strerror(-err));
}
