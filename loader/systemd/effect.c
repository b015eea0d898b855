// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/effect.h"
#include "host/run.h"
#include "report.h"
#include "systemd/dropin.h"
#include "systemd/systemctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether the line is an empty "ExecStartPre=", which clears the list of commands so far. */
static bool is_reset(const char *line)
{
	static const char name[] = "ExecStartPre";

	line += strspn(line, " \t");
	if (strncmp(line, name, strlen(name)))
		return false;
	line += strlen(name);
	line += strspn(line, " \t");
	if (*line != '=')
		return false;
	line++;
	return !line[strspn(line, " \t\n")];
}

static bool resets(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[4096];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= is_reset(line);
	if (file)
		fclose(file);
	return found;
}

/* The first drop-in after ours that clears the list; NULL if none does. ret_read: whether ours is
 * among them. */
static const char *find_reset(char *paths, const char *ours, bool *ret_read)
{
	char *save = NULL;

	*ret_read = false;
	for (char *path = strtok_r(paths, " ", &save); path; path = strtok_r(NULL, " ", &save)) {
		if (*ret_read && resets(path))
			return path;
		*ret_read |= !strcmp(path, ours);
	}
	return NULL;
}

static int check_one(const struct unit *unit, const char *name, const struct command *command)
{
	static char shown[UNIT_SHOWN_MAX];
	char paths[16384], ours[PATH_MAX], words[PATH_MAX + 32];
	const char *other;
	bool is_read;
	int err = systemctl_show(name, "DropInPaths,ExecStartPre", shown, sizeof(shown));

	if (err)
		return err;
	snprintf(words, sizeof(words), "%s --cgroup self", command->self);
	if (strstr(shown, words))
		return 0;
	dropin_path(unit, ours);
	value_of(shown, "DropInPaths", paths, sizeof(paths));
	other = find_reset(paths, ours, &is_read);
	if (other)
		return fault(
			EBUSY,
			"%s: %s empties ExecStartPre= after our %s, so the command would not run; give that file a name that sorts before zz-, and enable again",
			name, other, ours);
	return fault(EBUSY,
		     "%s: systemd does not %s, so the command would not run; see systemctl cat %s",
		     name, is_read ? "show the command of our drop-in" : "read our drop-in", name);
}

/* Each instance may have its own drop-ins. */
static int check_instances(const struct unit *unit, const struct command *command)
{
	static char list[UNIT_SHOWN_MAX];
	char pattern[UNIT_NAME_MAX], *save = NULL;
	char *const args[] = { "systemctl", "list-units", "--all", "--plain", "--no-legend",
			       "--full",    "--",	  pattern, NULL };
	int err;

	systemd_instance(unit->name, UNIT_ANY_INSTANCE, pattern);
	err = check_one(unit, pattern, command);
	systemd_instance(unit->name, "*", pattern);
	if (err || run_program(args, list, sizeof(list)))
		return err;
	for (char *line = strtok_r(list, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " ");
		line[strcspn(line, " ")] = '\0';
		if (line[0])
			err = check_one(unit, line, command);
	}
	return err;
}

int effect_check(const struct unit *unit, const struct command *command)
{
	return unit->is_template ? check_instances(unit, command)
				 : check_one(unit, unit->name, command);
}
