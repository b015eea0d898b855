// SPDX-License-Identifier: GPL-2.0-only
#include "dropin.h"
#include "modes.h"
#include "report.h"
#include "services.h"
#include "session.h"
#include "systemd.h"
#include "teardown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_units(const struct request *request, struct unit **ret)
{
	struct unit *units = calloc(request->units.n, sizeof(*units));
	int err = units ? 0 : fault(ENOMEM, "units: out of memory");

	for (size_t i = 0; !err && i < request->units.n; i++)
		err = systemd_find_unit(request->units.list[i], &units[i]);
	if (err)
		free(units);
	else
		*ret = units;
	return err;
}

/* The LISTs of --port in one; NULL where there is none, or no memory. */
static char *join_ports(const struct words *ports)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < ports->n; i++)
		size += strlen(ports->list[i]) + 1;
	text = end = ports->n ? malloc(size) : NULL;
	for (size_t i = 0; text && i < ports->n; i++)
		end = stpcpy(stpcpy(end, i ? "," : ""), ports->list[i]);
	return text;
}

/* Only sockets that are made from now on change: done, or said how. */
static int restart_units(const struct request *request, const struct unit *units)
{
	int err = 0;

	for (size_t i = 0; !err && i < request->units.n; i++) {
		const char *name = units[i].name;

		if (units[i].is_template)
			note("%s: a template; restart its instances: systemctl restart '%.*s@*'",
			     name, (int)strcspn(name, "@"), name);
		else if (!units[i].active)
			detail("%s: does not run; nothing to restart", name);
		else if (request->now)
			err = systemd_restart(name);
		else
			note("%s: its sockets stay as they are until it restarts: systemctl restart %s",
			     name, name);
	}
	return err;
}

static void advise_socket(const struct request *request, const struct unit *unit)
{
	if (!unit->socket[0])
		return;
	for (size_t i = 0; i < request->units.n; i++)
		if (!strcmp(request->units.list[i], unit->socket))
			return;
	note("%s: %s makes its sockets; enable that, too: --enable %s (or, from systemd 257 on, SocketProtocol=mptcp in it)",
	     unit->name, unit->socket, unit->socket);
}

int enable_run(const struct request *request)
{
	struct unit *units = NULL;
	char *ports;
	bool changed;
	int err = session_need_root();

	if (!err)
		err = systemd_need();
	if (!err)
		err = find_units(request, &units);
	if (err)
		return err;
	ports = join_ports(&request->port_texts);
	for (size_t i = 0; !err && i < request->units.n; i++) {
		err = dropin_write(&units[i], ports, &changed);
		if (!err)
			printf("%s %s\n", changed ? "enabled" : "already enabled", units[i].name);
		if (!err)
			advise_socket(request, &units[i]);
	}
	if (!err)
		err = systemd_reload();
	if (!err)
		err = restart_units(request, units);
	free(ports);
	free(units);
	return err;
}

/* The attached path of a unit, wherever its slice is. */
struct match {
	const struct unit *unit;
	struct mma_path_key key;
	bool found;
};

static int match_unit(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	const char *name = strrchr(key->path, '/');
	struct match *match = data;

	(void)path;
	match->found = name && !strcmp(name + 1, match->unit->name);
	if (match->found)
		match->key = *key;
	return match->found;
}

/* Without its drop-in a unit would still be followed: it is detached, too. */
static int detach_unit(const struct maps *maps, const struct unit *unit)
{
	struct match match = { .unit = unit };
	struct cgroup cgroup;
	int err = 0;

	while (!err) {
		match.found = false;
		services_each(maps, match_unit, &match);
		if (!match.found)
			break;
		err = cgroup_of_key(&match.key, &cgroup);
		if (!err)
			err = service_detach(maps, &cgroup);
	}
	if (!err && !services_count(maps))
		err = teardown(maps);
	return err;
}

static int detach_units(const struct request *request, const struct unit *units)
{
	struct maps maps = MAPS_CLOSED;
	int err = session_begin(&maps);

	if (err == -ENOENT)
		return 0;
	for (size_t i = 0; !err && i < request->units.n; i++)
		err = detach_unit(&maps, &units[i]);
	maps_close(&maps);
	return err;
}

int disable_run(const struct request *request)
{
	struct unit *units = NULL;
	bool changed;
	int err = session_need_root();

	if (!err)
		err = systemd_need();
	if (!err)
		err = find_units(request, &units);
	if (err)
		return err;
	for (size_t i = 0; !err && i < request->units.n; i++) {
		err = dropin_remove(&units[i], &changed);
		if (!err)
			printf("%s %s\n", changed ? "disabled" : "was not enabled", units[i].name);
	}
	if (!err)
		err = systemd_reload();
	if (!err)
		err = detach_units(request, units);
	if (!err)
		err = restart_units(request, units);
	free(units);
	return err;
}
