// SPDX-License-Identifier: GPL-2.0-only
#include "modes/advice.h"
#include "systemd/dropin.h"
#include "modes/modes.h"
#include "report.h"
#include "attached/lock.h"
#include "attached/services.h"
#include "host/rights.h"
#include "modes/session.h"
#include "attached/teardown.h"
#include "systemd/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Compares the name of a cgroup with that of the unit; a template matches any of its instances.
 * systemd puts a "_" before names that the kernel might use itself. */
static bool is_units_name(const char *name, const struct unit *unit)
{
	const char *kind = strrchr(unit->name, '.');
	size_t stem = strcspn(unit->name, "@") + 1, len;

	name += *name == '_';
	if (!unit->is_template)
		return !strcmp(name, unit->name);
	len = strlen(name);
	return !strncmp(name, unit->name, stem) && len >= stem + strlen(kind) &&
	       !strcmp(name + len - strlen(kind), kind);
}

/* A system unit's cgroup is below slices only. Units of users and containers are below a
 * service or scope. */
static bool is_of_unit(const char *path, const struct unit *unit)
{
	static const char slice[] = ".slice/";
	const char *end;

	if (*path++ != '/')
		return false;
	for (; (end = strchr(path, '/')); path = end + 1)
		if (end - path < 6 || strncmp(end - 6, slice, 7))
			return false;
	return is_units_name(path, unit);
}

struct match {
	const struct unit *unit;
	struct mma_path_key key;
	bool found;
};

static int match_unit(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	struct match *match = data;

	(void)path;
	match->found = is_of_unit(key->path, match->unit);
	if (match->found)
		match->key = *key;
	return match->found;
}

/* follow would still attach a unit without its drop-in, so detach it as well. When no service
 * is left, remove everything. */
static int detach_unit(const struct maps *maps, const struct unit *unit)
{
	struct match match = { .unit = unit };
	struct cgroup cgroup;
	bool there, was_attached;
	size_t left;
	int err = 0;

	while (!err) {
		match.found = false;
		err = services_each(maps, match_unit, &match);
		if (!match.found)
			return err;
		err = cgroup_of_key(&match.key, &cgroup, &there);
		if (!err)
			err = service_detach(maps, &cgroup, &was_attached);
		if (!err)
			err = services_count(maps, &left);
		if (!err && !left) {
			err = teardown(maps);
			if (!err)
				advise_detached(&cgroup);
		}
	}
	return err;
}

/* Before anything changes, reports what would prevent the detach. */
static int look_first(void)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err = maps_open(&maps, &attached);

	maps_close(&maps);
	return err;
}

static int detach_units(const struct units *units)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err = session_begin(&maps, &attached);

	if (err || !attached)
		return err;
	for (size_t i = 0; !err && i < units->n; i++)
		err = detach_unit(&maps, &units->list[i]);
	if (!err)
		session_tidy(&maps);
	maps_close(&maps);
	return err;
}

/* A unit may be gone while its drop-in remains. */
static int check(const struct unit *unit)
{
	if (unit->missing && !dropin_exists(unit))
		return fault(ENOENT, "%s: no such unit; see systemctl list-unit-files", unit->name);
	return 0;
}

static int remove_all(const struct units *units)
{
	bool changed;
	int err = 0;

	for (size_t i = 0; !err && i < units->n; i++)
		err = check(&units->list[i]);
	for (size_t i = 0; !err && i < units->n; i++) {
		err = dropin_remove(&units->list[i], &changed);
		if (!err)
			printf("%s %s\n", changed ? "disabled" : "was not enabled",
			       units->list[i].name);
	}
	return err;
}

int disable_run(const struct request *request)
{
	struct units units;
	int err = rights_need_root();

	if (!err)
		err = systemd_need();
	if (!err)
		err = units_find(&request->units, true, &units);
	if (err)
		return err;
	err = look_first();
	if (!err)
		err = remove_all(&units);
	if (!err)
		err = systemd_reload();
	if (!err)
		err = detach_units(&units);
	lock_release(); /* a restarting unit may run this command, too */
	if (!err)
		err = units_restart(&units, request->now);
	free(units.list);
	return err;
}
