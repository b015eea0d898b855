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
#define FILE_NAME "mptcp-mail-attach.conf"

/*
 * "-": a failure does not keep the server from starting; "+": with root's own
 * rights and mounts, whatever the unit's sandbox; timeout(1), for "-" does not
 * cover a hang, and with -v, for the journal to say so.
 */
static const char format[] = "# Written by mptcp-mail-attach --enable, removed by --disable.\n"
			     "[%s]\n"
			     "ExecStartPre=-+/usr/bin/timeout -v -k %s %s --cgroup self%s%s%s\n";

/* Twelve seconds in all, but never more than half of the time that systemd gives
 * to the start: the other half is the server's. */
#define BOUND "2 10"
#define BOUND_MS 24000

static const char *bound_of(const struct unit *unit, char ret_text[32])
{
	unsigned int kill = unit->start_ms / 1000, term = unit->start_ms / 250; /* in 0.1 s */

	if (unit->start_ms >= BOUND_MS)
		return BOUND;
	/* To timeout(1), 0 is for ever. */
	kill += !kill;
	term += !term;
	snprintf(ret_text, 32, "%u.%u %u.%u", kill / 10, kill % 10, term / 10, term % 10);
	return ret_text;
}

struct names {
	char dir[PATH_MAX], file[PATH_MAX + 32], fresh[PATH_MAX + 40];
};

static void name_files(const struct unit *unit, struct names *ret)
{
	snprintf(ret->dir, sizeof(ret->dir), UNIT_DIR "/%s.d", unit->name);
	snprintf(ret->file, sizeof(ret->file), "%s/" FILE_NAME, ret->dir);
	snprintf(ret->fresh, sizeof(ret->fresh), "%s.new", ret->file);
}

static bool has_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	char *now = calloc(1, strlen(text) + 2);
	bool same = file && now && fread(now, 1, strlen(text) + 1, file) == strlen(text) &&
		    !strcmp(now, text);

	free(now);
	if (file)
		fclose(file);
	return same;
}

/* Under another name first: systemd must never read half of it. Names that do
 * not end in .conf are none to it. */
static int write_text(const struct names *names, const char *text)
{
	FILE *file;
	int err = 0;

	if (mkdir(names->dir, 0755) && errno != EEXIST)
		return fault(errno, "%s: cannot be made (%s)", names->dir, strerror(errno));
	chmod(names->dir, 0755);
	file = fopen(names->fresh, "we");
	if (!file)
		return fault(errno, "%s: cannot be written (%s)", names->fresh, strerror(errno));
	if (fputs(text, file) < 0 || fchmod(fileno(file), 0644) || fflush(file) ||
	    fsync(fileno(file)))
		err = errno;
	if (fclose(file) && !err)
		err = errno;
	if (!err && rename(names->fresh, names->file))
		err = errno;
	if (!err)
		return 0;
	unlink(names->fresh);
	return fault(err, "%s: cannot be written (%s)", names->file, strerror(err));
}

int dropin_write(const struct unit *unit, const char *ports, bool no_repair, bool *ret_changed)
{
	char self[PATH_MAX], bound[32], *text;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct names names;
	int err = 0;

	if (len < 0)
		return fault(errno, "/proc/self/exe: cannot be read (%s); mount proc",
			     strerror(errno));
	self[len] = '\0';
	if (strpbrk(self, " \t\n\"'\\%$;"))
		return fault(
			EINVAL,
			"%s: systemd would read this path as something else; install the tool elsewhere",
			self);
	name_files(unit, &names);
	if (asprintf(&text, format, unit->is_socket ? "Socket" : "Service", bound_of(unit, bound),
		     self, ports ? " --port " : "", ports ? ports : "",
		     no_repair ? " --no-repair" : "") < 0)
		return fault(ENOMEM, "drop-in: out of memory");
	*ret_changed = !has_text(names.file, text);
	if (*ret_changed)
		err = write_text(&names, text);
	free(text);
	return err;
}

bool dropin_exists(const struct unit *unit)
{
	struct names names;

	name_files(unit, &names);
	return !access(names.file, F_OK);
}

int dropin_remove(const struct unit *unit, bool *ret_changed)
{
	struct names names;

	name_files(unit, &names);
	*ret_changed = !unlink(names.file);
	if (!*ret_changed && errno != ENOENT)
		return fault(errno, "%s: cannot be removed (%s)", names.file, strerror(errno));
	unlink(names.fresh);
	rmdir(names.dir); /* unless it holds what others put there */
	return 0;
}
