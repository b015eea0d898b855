// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/dropin.h"
#include "modes/modes.h"
#include "report.h"
#include "host/rights.h"
#include "systemd/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int check_unit(const struct unit *unit)
{
	if (unit->masked)
		return fault(EPERM,
			     "%s: masked, it cannot start; unmask it first: systemctl unmask %s",
			     unit->name, unit->name);
	if (unit->missing)
		return fault(ENOENT, "%s: no such unit; see systemctl list-unit-files", unit->name);
	return 0;
}

static void advise_enabled(const struct units *units, const struct unit *unit)
{
	char words[UNIT_NAMES_MAX], *save = NULL;

	strcpy(words, unit->sockets);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!units_include(units, word))
			note("%s: %s makes its sockets; enable that, too: --enable %s (or, from systemd 257 on, SocketProtocol=mptcp in it)",
			     unit->name, word, word);
	if (unit->own_root)
		note("%s: has a root directory of its own, in which the command is not found, and stays TCP; attach it by its path before it starts: --cgroup PATH",
		     unit->name);
}

int enable_run(const struct request *request)
{
	struct units units;
	bool changed;
	char *ports;
	int err = rights_need_root();

	if (!err)
		err = systemd_need();
	if (!err)
		err = units_find(&request->units, &units);
	if (err)
		return err;
	for (size_t i = 0; !err && i < units.n; i++)
		err = check_unit(&units.list[i]);
	ports = join_ports(&request->port_texts);
	for (size_t i = 0; !err && i < units.n; i++) {
		err = dropin_write(&units.list[i], ports, request->no_repair, &changed);
		if (!err)
			printf("%s %s\n", changed ? "enabled" : "already enabled",
			       units.list[i].name);
		if (!err)
			advise_enabled(&units, &units.list[i]);
	}
	if (!err)
		err = systemd_reload();
	if (!err)
		err = units_restart(&units, request->now);
	free(ports);
	free(units.list);
	return err;
}
