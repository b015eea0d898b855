// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/command.h"
#include "report.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIN_DIR "/sbin/"
#define START "/libexec/mptcp-mail-attach-start"

/* The group of /usr/local on Debian; its members can become root anyway. */
#define STAFF_GID 50

static bool is_roots_alone(const struct stat *st)
{
	if (st->st_uid || st->st_mode & S_IWOTH)
		return false;
	return !(st->st_mode & S_IWGRP) || !st->st_gid || st->st_gid == STAFF_GID;
}

/* Checks the file and every directory above it. */
static int need_roots_alone(const char *file)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s", file);
	for (;;) {
		char *slash = strrchr(path, '/');

		if (stat(path[0] ? path : "/", &st))
			return fault(errno, "%s: cannot be read (%s); install the tool again", path,
				     strerror(errno));
		if (!is_roots_alone(&st))
			return fault(
				EPERM,
				"%s: users other than root can change %s (owner %u, mode %04o), and systemd would run it as root; install the tool first: make install",
				file, path[0] ? path : "/", st.st_uid, st.st_mode & 07777);
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

/* PREFIX/sbin/mptcp-mail-attach: PREFIX/libexec/mptcp-mail-attach-start. */
static void find_start(struct command *command)
{
	const char *bin = strstr(command->self, BIN_DIR);

	for (const char *next = bin; next; next = strstr(next + 1, BIN_DIR))
		bin = next;
	if (!bin || strchr(bin + strlen(BIN_DIR), '/') ||
	    (size_t)(bin - command->self) + sizeof(START) > sizeof(command->start))
		return;
	snprintf(command->start, sizeof(command->start), "%.*s" START, (int)(bin - command->self),
		 command->self);
	if (access(command->start, X_OK))
		command->start[0] = '\0';
}

int command_find(struct command *ret)
{
	ssize_t len = readlink("/proc/self/exe", ret->self, sizeof(ret->self) - 1);
	int err;

	ret->start[0] = '\0';
	if (len < 0)
		return fault(errno, "/proc/self/exe: cannot be read (%s); mount proc",
			     strerror(errno));
	ret->self[len] = '\0';
	if (strpbrk(ret->self, " \t\n\"'\\%$;"))
		return fault(
			EINVAL,
			"%s: systemd cannot read this path as it is; install the tool in another directory",
			ret->self);
	err = need_roots_alone(ret->self);
	if (err)
		return err;
	find_start(ret);
	return ret->start[0] ? need_roots_alone(ret->start) : 0;
}
