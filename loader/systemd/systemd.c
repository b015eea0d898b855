// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/systemd.h"
#include "host/mounts.h"
#include "host/run.h"
#include "report.h"
#include "systemd/systemctl.h"
#include "systemd/timespan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOTED "/run/systemd/system" /* sd_booted(3) */

int systemd_need(void)
{
	if (access(BOOTED, F_OK))
		return fault(
			ENOENT, BOOTED
			": not there: systemd does not run here; attach by hand with --cgroup PATH");
	return 0;
}

#define PROPERTIES                                                                                  \
	"Id,LoadState,ActiveState,UnitFileState,Triggers,TriggeredBy,TimeoutStartUSec,TimeoutUSec," \
	"RootDirectory,RootImage,RootDirectoryStartOnly,Transient,Type,ConsistsOf,ControlGroup,"    \
	"ExecStart"

static bool is_running(const char *shown)
{
	return !value_is(shown, "ActiveState", "inactive") &&
	       !value_is(shown, "ActiveState", "failed");
}

/* Whether the name ends in a kind of unit. If not, it means a service, as for systemctl. */
static bool has_kind(const char *name)
{
	static const char *const kinds[] = { ".service", ".socket",    ".target", ".mount",
					     ".swap",	 ".automount", ".timer",  ".path",
					     ".slice",	 ".scope",     ".device" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (ends_with(name, kinds[i]))
			return true;
	return false;
}

static int read_unit_name(const char *given, struct unit *ret)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789:-_.\\@";

	if (!given[0] || strspn(given, allowed) != strlen(given) || given[0] == '-' ||
	    strlen(given) + strlen(".service") >= sizeof(ret->name))
		return fault_usage("%s: not a unit's name; name one, such as postfix.service",
				   given);
	snprintf(ret->name, sizeof(ret->name), "%s%s", given, has_kind(given) ? "" : ".service");
	ret->is_socket = ends_with(ret->name, ".socket");
	if (!ret->is_socket && !ends_with(ret->name, ".service"))
		return fault_usage(
			"%s: neither a .service nor a .socket, and only these open sockets", given);
	ret->is_template = strstr(ret->name, "@.") != NULL;
	return 0;
}

/* Lists the .socket units among these triggers that are active or enabled. */
static int find_sockets(const char *triggers, struct unit *ret)
{
	static char text[UNIT_SHOWN_MAX];
	char words[UNIT_NAMES_MAX], *save = NULL;
	size_t used = 0;

	snprintf(words, sizeof(words), "%s", triggers);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int err;

		if (!ends_with(word, ".socket"))
			continue;
		err = systemctl_show(word, PROPERTIES, text, sizeof(text));
		if (err)
			return err;
		if ((is_running(text) || value_is(text, "UnitFileState", "enabled")) &&
		    used + strlen(word) + 2 < sizeof(ret->sockets))
			used += (size_t)snprintf(ret->sockets + used, sizeof(ret->sockets) - used,
						 "%s%s", used ? " " : "", word);
	}
	return 0;
}

static int find_service(const char *triggered, struct unit *ret)
{
	static char text[UNIT_SHOWN_MAX];
	int err;

	if (!triggered[0] || strlen(triggered) >= sizeof(ret->service) || strchr(triggered, ' '))
		return 0;
	err = systemctl_show(triggered, PROPERTIES, text, sizeof(text));
	if (!err && is_running(text))
		strcpy(ret->service, triggered);
	return err;
}

/* "{ path=/usr/sbin/nginx ; argv[]=..." */
static void read_binary(const char *shown, struct unit *ret)
{
	static const char path[] = "{ path=";
	char value[PATH_MAX + 64];
	size_t len;

	value_of(shown, "ExecStart", value, sizeof(value));
	if (strncmp(value, path, strlen(path)))
		return;
	len = strcspn(value + strlen(path), " ");
	snprintf(ret->binary, sizeof(ret->binary), "%.*s", (int)len, value + strlen(path));
}

/* Whether a process is in the unit's cgroup. */
static bool has_processes(const char *shown)
{
	char path[UNIT_CGROUP_MAX], file[PATH_MAX + UNIT_CGROUP_MAX + 32], line[64];
	struct mount mount;
	bool populated = false, mounted = false;
	FILE *events;

	value_of(shown, "ControlGroup", path, sizeof(path));
	if (!path[0])
		return false;
	if (mount_of_type("cgroup2", &mount, &mounted))
		fault_drop();
	if (!mounted)
		return true; /* unknown */
	snprintf(file, sizeof(file), "%s%s/cgroup.events", mount.point, path);
	events = fopen(file, "re");
	while (events && fgets(line, sizeof(line), events))
		populated |= !strcmp(line, "populated 1\n");
	if (events)
		fclose(events);
	return populated;
}

static void read_unit(const char *shown, struct unit *ret)
{
	char value[64];

	ret->masked = value_is(shown, "LoadState", "masked");
	ret->missing = !ret->masked && !value_is(shown, "LoadState", "loaded");
	ret->running = !ret->is_template && is_running(shown);
	ret->own_root =
		(!value_is(shown, "RootDirectory", "") || !value_is(shown, "RootImage", "")) &&
		!value_is(shown, "RootDirectoryStartOnly", "yes");
	ret->transient = value_is(shown, "Transient", "yes");
	ret->starts_nothing = value_is(shown, "Type", "oneshot") && !has_processes(shown);
	value_of(shown, ret->is_socket ? "TimeoutUSec" : "TimeoutStartUSec", value, sizeof(value));
	ret->start_ms = timespan_ms(value);
	value_of(shown, "ConsistsOf", ret->parts, sizeof(ret->parts));
	read_binary(shown, ret);
}

void systemd_instance(const char *template, const char *instance, char ret_name[UNIT_NAME_MAX])
{
	size_t stem = strcspn(template, "@") + 1;

	snprintf(ret_name, UNIT_NAME_MAX, "%.*s%s%s", (int)stem, template, instance,
		 template + stem);
}

int systemd_find_unit(const char *given, struct unit *ret)
{
	static char text[UNIT_SHOWN_MAX];
	char value[UNIT_NAMES_MAX], name[UNIT_NAME_MAX];
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->start_ms = UINT_MAX;
	err = read_unit_name(given, ret);
	if (err)
		return err;
	strcpy(name, ret->name);
	if (ret->is_template)
		systemd_instance(ret->name, UNIT_ANY_INSTANCE, name);
	err = systemctl_show(name, PROPERTIES, text, sizeof(text));
	if (err)
		return err;
	read_unit(text, ret);
	if (ret->is_template)
		return 0;
	value_of(text, "Id", value, sizeof(value));
	if (value[0])
		snprintf(ret->name, sizeof(ret->name), "%.*s", UNIT_NAME_MAX - 1, value);
	value_of(text, ret->is_socket ? "Triggers" : "TriggeredBy", value, sizeof(value));
	return ret->is_socket ? find_service(value, ret) : find_sockets(value, ret);
}

static int run_systemctl(char *const args[], const char *what)
{
	int err = run_program(args, NULL, 0);

	return err ? fault(err < 0 ? -err : EIO, "%s: failed; see the journal", what) : 0;
}

int systemd_reload(void)
{
	char *const args[] = { "systemctl", "daemon-reload", NULL };

	return run_systemctl(args, "systemctl daemon-reload");
}

int systemd_do(const char *verb, const char *unit)
{
	char *const args[] = { "systemctl", (char *)verb, "--", (char *)unit, NULL };
	char what[UNIT_NAME_MAX + 32];

	snprintf(what, sizeof(what), "systemctl %s %s", verb, unit);
	return run_systemctl(args, what);
}
