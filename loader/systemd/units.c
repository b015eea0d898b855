// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/units.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int units_find(const struct words *names, struct units *ret)
{
	int err = 0;

	ret->n = names->n;
	ret->list = calloc(names->n, sizeof(*ret->list));
	if (!ret->list)
		return fault(ENOMEM, "units: out of memory");
	for (size_t i = 0; !err && i < names->n; i++)
		err = systemd_find_unit(names->list[i], &ret->list[i]);
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

/* systemd refuses to start a socket while its service runs. Should the socket
 * fail, the service starts all the same. */
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
