// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/units.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct units *units, const struct unit *unit)
{
	struct unit *list;

	if (units_include(units, unit->name))
		return 0;
	list = reallocarray(units->list, units->n + 1, sizeof(*list));
	if (!list)
		return fault(ENOMEM, "units: out of memory");
	units->list = list;
	units->list[units->n++] = *unit;
	return 0;
}

/* "postfix@-.service" becomes "postfix@.service", so that the next instance gets the same. */
static void make_template(char *name)
{
	char *at = strchr(name, '@');
	const char *kind = strrchr(name, '.');

	if (at && kind && kind > at)
		memmove(at + 1, kind, strlen(kind) + 1);
}

/* ret_found: whether the unit has parts that may run servers. */
static int add_parts(const struct unit *unit, struct units *units, bool *ret_found)
{
	char names[UNIT_NAMES_MAX], *save = NULL;
	int err = 0;

	*ret_found = false;
	strcpy(names, unit->parts);
	for (char *name = strtok_r(names, " ", &save); name && !err;
	     name = strtok_r(NULL, " ", &save)) {
		const char *kind = strrchr(name, '.');
		struct unit part;

		if (!kind || strcmp(kind, ".service"))
			continue;
		make_template(name);
		err = systemd_find_unit(name, &part);
		/* Does not follow the parts of a part: two units might be part of each other. */
		if (!err && !part.missing && !part.masked) {
			*ret_found = true;
			err = add(units, &part);
		}
	}
	return err;
}

static int find_named(const char *given, bool with_itself, struct units *units)
{
	bool has_parts = false;
	struct unit unit;
	int err = systemd_find_unit(given, &unit);

	if (!err && unit.starts_nothing)
		err = add_parts(&unit, units, &has_parts);
	if (!err && has_parts && !with_itself)
		note("%s: starts no server itself; %s does, and is used instead", unit.name,
		     units->list[units->n - 1].name);
	else if (!err)
		err = add(units, &unit);
	return err;
}

int units_find(const struct words *names, bool with_itself, struct units *ret)
{
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; !err && i < names->n; i++)
		err = find_named(names->list[i], with_itself, ret);
	if (err)
		free(ret->list);
	return err;
}

const char *unit_of_path(const char *path)
{
	const char *name = strrchr(path, '/');
	const char *suffix = name ? strrchr(name, '.') : NULL;

	if (!suffix || (strcmp(suffix, ".service") && strcmp(suffix, ".socket")))
		return NULL;
	return name + 1;
}

bool units_include(const struct units *units, const char *name)
{
	for (size_t i = 0; i < units->n; i++)
		if (!strcmp(units->list[i].name, name))
			return true;
	return false;
}

/* systemd refuses to start a socket while its service runs. If the socket fails, start the
 * service all the same. */
static int restart_socket(const struct unit *unit)
{
	int err = systemd_do("stop", unit->service), start;

	if (!err)
		err = systemd_do("restart", unit->name);
	start = systemd_do("start", unit->service);
	return err ? err : start;
}

static int restart(const struct unit *unit, bool now)
{
	const char *name = unit->name, *service = unit->service;

	if (unit->is_template && now) {
		char pattern[UNIT_NAME_MAX];

		systemd_instance(name, "*", pattern);
		return systemd_do("try-restart", pattern);
	}
	if (unit->is_template) {
		note("%s: a template; restart its instances: systemctl restart '%.*s@*'", name,
		     (int)strcspn(name, "@"), name);
		return 0;
	}
	if (!unit->running) {
		detail("%s: does not run; nothing to restart", name);
		return 0;
	}
	if (now)
		return service[0] ? restart_socket(unit) : systemd_do("restart", name);
	if (service[0])
		note("%s: its sockets stay as they are until it restarts, and for that its service has to stop: systemctl stop %s && systemctl restart %s && systemctl start %s",
		     name, service, name, service);
	else
		note("%s: its sockets stay as they are until it restarts: systemctl restart %s",
		     name, name);
	return 0;
}

/* Sockets first: their services restart with them. */
int units_restart(struct units *units, bool now)
{
	int err, first_err = 0;

	for (size_t i = 0; i < units->n; i++) {
		if (!units->list[i].is_socket)
			continue;
		err = restart(&units->list[i], now);
		first_err = first_err ? first_err : err;
		for (size_t j = 0; j < units->n; j++)
			if (!strcmp(units->list[j].name, units->list[i].service))
				units->list[j].running = false;
	}
	for (size_t i = 0; i < units->n; i++) {
		if (units->list[i].is_socket)
			continue;
		err = restart(&units->list[i], now);
		first_err = first_err ? first_err : err;
	}
	return first_err;
}
