// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/dropin.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNIT_DIR "/etc/systemd/system"
/* systemd reads drop-ins in the order of their names: this one comes after override.conf, which
 * "systemctl edit" writes and which may begin with an empty ExecStartPre=. */
#define FILE_NAME "zz-mptcp-mail-attach.conf"
#define OLDER_NAME "mptcp-mail-attach.conf" /* of version 0.1.0 */

/* "-": a failure does not stop the server from starting. "+": runs with root's own rights and
 * mounts, whatever the unit's sandbox. "-" does not cover a hang, so mptcp-mail-attach-start
 * has a time limit. */
static const char format[] = "# Written by mptcp-mail-attach --enable, removed by --disable.\n"
			     "[%s]\n"
			     "ExecStartPre=-+%s %s --cgroup self%s%s%s\n";

/* If only the tool is installed, use timeout(1), with -v for the journal. The limit is fixed in
 * advance: 12 s in all, but at most half of systemd's start timeout; the other half is the
 * server's. */
#define TIMEOUT "/usr/bin/timeout -v -k "
#define BOUND "2 10"
#define BOUND_MS 24000

static void name_runner(const struct unit *unit, const struct command *command,
			char ret_text[PATH_MAX + 32])
{
	unsigned int kill = unit->start_ms / 1000, term = unit->start_ms / 250; /* in 0.1 s */

	if (command->start[0]) {
		snprintf(ret_text, PATH_MAX + 32, "%s %%n", command->start);
		return;
	}
	if (unit->start_ms >= BOUND_MS) {
		strcpy(ret_text, TIMEOUT BOUND);
		return;
	}
	/* timeout(1) takes 0 as no limit. */
	kill += !kill;
	term += !term;
	snprintf(ret_text, PATH_MAX + 32, TIMEOUT "%u.%u %u.%u", kill / 10, kill % 10, term / 10,
		 term % 10);
}

struct names {
	char dir[PATH_MAX], file[PATH_MAX + 32], older[PATH_MAX + 32], fresh[PATH_MAX + 40];
};

static void name_files(const struct unit *unit, struct names *ret)
{
	snprintf(ret->dir, sizeof(ret->dir), UNIT_DIR "/%s.d", unit->name);
	snprintf(ret->file, sizeof(ret->file), "%s/" FILE_NAME, ret->dir);
	snprintf(ret->older, sizeof(ret->older), "%s/" OLDER_NAME, ret->dir);
	snprintf(ret->fresh, sizeof(ret->fresh), "%s.new", ret->file);
}

/* Reads the text of a file; NULL if there is none. */
static int read_text(const char *path, char **ret_text)
{
	FILE *file = fopen(path, "re");
	size_t size = 0;
	int err = 0;

	*ret_text = NULL;
	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return fault(errno, "%s: cannot be read (%s)", path, strerror(errno));
	if (getdelim(ret_text, &size, '\0', file) < 0) {
		if (ferror(file))
			err = errno;
		else if (*ret_text)
			(*ret_text)[0] = '\0'; /* empty */
	}
	fclose(file);
	return err ? fault(err, "%s: cannot be read (%s)", path, strerror(err)) : 0;
}

/* Writes under another name first: systemd must never read half of it. It ignores names that do
 * not end in .conf. */
static int write_text(const char *path, const char *fresh, const char *text)
{
	FILE *file = fopen(fresh, "we");
	int err = 0;

	if (!file)
		return fault(errno, "%s: cannot be written (%s)", fresh, strerror(errno));
	if (fputs(text, file) < 0 || fchmod(fileno(file), 0644) || fflush(file) ||
	    fsync(fileno(file)))
		err = errno;
	if (fclose(file) && !err)
		err = errno;
	if (!err && rename(fresh, path))
		err = errno;
	if (!err)
		return 0;
	unlink(fresh);
	return fault(err, "%s: cannot be written (%s)", path, strerror(err));
}

/* An existing directory keeps its mode. */
static int make_unit_dir(const char *dir, bool *ret_made)
{
	*ret_made = !mkdir(dir, 0755);
	if (*ret_made)
		chmod(dir, 0755); /* regardless of the umask */
	else if (errno != EEXIST)
		return fault(errno, "%s: cannot be made (%s)", dir, strerror(errno));
	return 0;
}

static int write_files(const struct names *names, const char *text, struct dropin_undo *undo)
{
	int err = read_text(names->file, &undo->file);

	if (!err)
		err = read_text(names->older, &undo->older);
	undo->changed = !err && (!undo->file || strcmp(undo->file, text) || undo->older);
	if (!undo->changed)
		return err;
	err = make_unit_dir(names->dir, &undo->made_dir);
	if (!err)
		err = write_text(names->file, names->fresh, text);
	if (!err && unlink(names->older) && errno != ENOENT)
		err = fault(errno, "%s: cannot be removed (%s)", names->older, strerror(errno));
	return err;
}

int dropin_write(const struct unit *unit, const struct command *command, const char *ports,
		 bool no_repair, struct dropin_undo *ret_undo)
{
	char runner[PATH_MAX + 32], *text;
	struct names names;
	int err;

	memset(ret_undo, 0, sizeof(*ret_undo));
	name_files(unit, &names);
	name_runner(unit, command, runner);
	if (asprintf(&text, format, unit->is_socket ? "Socket" : "Service", runner, command->self,
		     ports ? " --port " : "", ports ? ports : "",
		     no_repair ? " --no-repair" : "") < 0)
		return fault(ENOMEM, "drop-in: out of memory");
	err = write_files(&names, text, ret_undo);
	free(text);
	return err;
}

static void restore_file(const char *path, const char *fresh, const char *text)
{
	if (text)
		write_text(path, fresh, text);
	else
		unlink(path);
}

void dropin_take_back(const struct unit *unit, const struct dropin_undo *undo)
{
	struct names names;

	if (!undo->changed)
		return;
	name_files(unit, &names);
	restore_file(names.file, names.fresh, undo->file);
	restore_file(names.older, names.fresh, undo->older);
	if (undo->made_dir)
		rmdir(names.dir);
}

void dropin_forget(struct dropin_undo *undo)
{
	free(undo->file);
	free(undo->older);
}

void dropin_path(const struct unit *unit, char ret_path[PATH_MAX])
{
	struct names names;

	name_files(unit, &names);
	snprintf(ret_path, PATH_MAX, "%.*s", PATH_MAX - 1, names.file);
}

bool dropin_exists(const struct unit *unit)
{
	struct names names;

	name_files(unit, &names);
	return !access(names.file, F_OK) || !access(names.older, F_OK);
}

int dropin_remove(const struct unit *unit, bool *ret_changed)
{
	struct names names;

	*ret_changed = false;
	name_files(unit, &names);
	for (int i = 0; i < 2; i++) {
		const char *path = i ? names.older : names.file;

		if (!unlink(path))
			*ret_changed = true;
		else if (errno != ENOENT)
			return fault(errno, "%s: cannot be removed (%s)", path, strerror(errno));
	}
	unlink(names.fresh);
	rmdir(names.dir); /* fails if others have files there */
	return 0;
}
