// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/dropin.h"
#include "modes/modes.h"
#include "report.h"
#include "host/rights.h"
#include "systemd/effect.h"
#include "systemd/elsewhere.h"
#include "systemd/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Joins the LISTs of --port; NULL if there are none, or no memory. */
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
	char words[UNIT_NAMES_MAX], other[UNIT_NAME_MAX], *save = NULL;

	strcpy(words, unit->sockets);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!units_include(units, word))
			note("%s: %s opens its sockets; enable that, too: --enable %s (or, from systemd 257 on, SocketProtocol=mptcp in it)",
			     unit->name, word, word);
	if (unit->own_root)
		note("%s: has its own root directory, in which the command is missing, and stays TCP; attach it by its path before it starts: --cgroup PATH",
		     unit->name);
	if (unit->transient)
		note("%s: a transient unit, which is gone when it stops; the drop-in applies to the next one of this name",
		     unit->name);
	if (unit->is_socket || unit->is_template)
		return;
	if ((!unit->running || unit->starts_nothing) && elsewhere_find(unit, other) &&
	    !units_include(units, other))
		note("%s: its program %s listens in %s; if that is the server, enable that unit: --enable %s",
		     unit->name, unit->binary, other, other);
	else if (unit->running && unit->starts_nothing)
		note("%s: starts no server itself, and no process of it runs; enable the unit that the server runs in (systemctl status PID)",
		     unit->name);
}

/* What this call has written, to keep all of it or none. */
struct run {
	const struct request *request;
	struct units units;
	struct command command;
	struct dropin_undo *undo; /* by unit */
	size_t n_written;
};

static int write_all(struct run *run)
{
	char *ports = join_ports(&run->request->port_texts);
	int err = 0;

	for (size_t i = 0; !err && i < run->units.n; i++) {
		run->n_written++; /* also if it fails halfway */
		err = dropin_write(&run->units.list[i], &run->command, ports,
				   run->request->no_repair, &run->undo[i]);
	}
	free(ports);
	return err ? err : systemd_reload();
}

static int write_and_check(struct run *run)
{
	int err = write_all(run);

	for (size_t i = 0; !err && i < run->units.n; i++)
		err = effect_check(&run->units.list[i], &run->command);
	return err;
}

static void take_back_dropins(const struct run *run)
{
	bool changed = false;

	for (size_t i = 0; i < run->n_written; i++) {
		dropin_take_back(&run->units.list[i], &run->undo[i]);
		changed |= run->undo[i].changed;
	}
	if (changed)
		systemd_reload();
}

static void tell_enabled(const struct run *run)
{
	for (size_t i = 0; i < run->units.n; i++) {
		printf("%s %s\n", run->undo[i].changed ? "enabled" : "already enabled",
		       run->units.list[i].name);
		advise_enabled(&run->units, &run->units.list[i]);
	}
}

static int enable_all(struct run *run)
{
	int err = 0;

	for (size_t i = 0; !err && i < run->units.n; i++)
		err = check_unit(&run->units.list[i]);
	if (!err)
		err = command_find(&run->command);
	if (err)
		return err;
	run->undo = calloc(run->units.n, sizeof(*run->undo));
	if (!run->undo)
		return fault(ENOMEM, "units: out of memory");
	err = write_and_check(run);
	if (err)
		take_back_dropins(run);
	else
		tell_enabled(run);
	for (size_t i = 0; i < run->n_written; i++)
		dropin_forget(&run->undo[i]);
	free(run->undo);
	return err ? err : units_restart(&run->units, run->request->now);
}

int enable_run(const struct request *request)
{
	static struct run run;
	int err = rights_need_root();

	run.request = request;
	if (!err)
		err = systemd_need();
	if (!err)
		err = units_find(&request->units, false, &run.units);
	if (err)
		return err;
	err = enable_all(&run);
	free(run.units.list);
	return err;
}
