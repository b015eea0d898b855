// SPDX-License-Identifier: GPL-2.0-only
#include "systemd.h"
#include "report.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOTED "/run/systemd/system" /* sd_booted(3) */

extern char **environ;

int systemd_need(void)
{
	if (access(BOOTED, F_OK))
		return fault(
			ENOENT, BOOTED
			": not there: systemd does not run here; attach by hand with --cgroup PATH");
	return 0;
}

/* Runs systemctl. What it prints goes to ret_text, cut off at size; NULL: to
 * our own output. Returns its exit code, or -errno. */
static int systemctl(char *const args[], char *ret_text, size_t size)
{
	posix_spawn_file_actions_t actions;
	int pipes[2] = { -1, -1 }, status = 0, err;
	size_t used = 0;
	ssize_t len;
	pid_t pid;

	if (ret_text && pipe(pipes))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	if (ret_text) {
		posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
		posix_spawn_file_actions_addclose(&actions, pipes[0]);
		posix_spawn_file_actions_addclose(&actions, pipes[1]);
	}
	err = posix_spawnp(&pid, "systemctl", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret_text) {
		close(pipes[1]);
		while (!err && used + 1 < size &&
		       (len = read(pipes[0], ret_text + used, size - 1 - used)) > 0)
			used += (size_t)len;
		ret_text[used] = '\0';
		close(pipes[0]);
	}
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

/* The value of "name=" in the output of systemctl show; "" where it is none. */
static void value_of(const char *text, const char *name, char *ret_value, size_t size)
{
	size_t len = strlen(name);

	ret_value[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) || line[len] != '=')
			continue;
		snprintf(ret_value, size, "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return;
	}
}

static int show(const char *unit, char *ret_text, size_t size)
{
	char *const args[] = { "systemctl",  "show",
			       "--property", "Id,LoadState,ActiveState,UnitFileState,TriggeredBy",
			       "--",	     (char *)unit,
			       NULL };
	int err = systemctl(args, ret_text, size);

	if (err)
		return fault(err < 0 ? -err : EIO,
			     "%s: systemctl cannot show it; is the name right?", unit);
	return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

static int read_name(const char *given, struct unit *ret)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789:-_.\\@";
	bool bare = !strchr(given, '.');

	if (!given[0] || strspn(given, allowed) != strlen(given) || given[0] == '-' ||
	    strlen(given) + strlen(".service") >= sizeof(ret->name))
		return fault_usage("%s: not a unit's name; name one, such as postfix.service",
				   given);
	snprintf(ret->name, sizeof(ret->name), "%s%s", given, bare ? ".service" : "");
	ret->is_socket = ends_with(ret->name, ".socket");
	if (!ret->is_socket && !ends_with(ret->name, ".service"))
		return fault_usage(
			"%s: neither a .service nor a .socket, and only these open sockets", given);
	ret->is_template = strstr(ret->name, "@.") != NULL;
	return 0;
}

/* The .socket unit among those that trigger this one, if it is in use. */
static int find_socket(const char *triggers, struct unit *ret)
{
	char words[1024], text[4096] = "", state[64], *save = NULL;

	snprintf(words, sizeof(words), "%s", triggers);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int err;

		if (!ends_with(word, ".socket"))
			continue;
		err = show(word, text, sizeof(text));
		if (err)
			return err;
		value_of(text, "ActiveState", state, sizeof(state));
		if (strcmp(state, "active")) {
			value_of(text, "UnitFileState", state, sizeof(state));
			if (strcmp(state, "enabled"))
				continue;
		}
		snprintf(ret->socket, sizeof(ret->socket), "%s", word);
	}
	return 0;
}

int systemd_find_unit(const char *given, struct unit *ret)
{
	char text[8192] = "", value[1024];
	int err;

	memset(ret, 0, sizeof(*ret));
	err = read_name(given, ret);
	if (err)
		return err;
	if (ret->is_template) {
		char *const args[] = { "systemctl", "cat", "--", ret->name, NULL };

		if (systemctl(args, text, sizeof(text)))
			return fault(ENOENT, "%s: no such template; see systemctl list-unit-files",
				     given);
		return 0;
	}
	err = show(ret->name, text, sizeof(text));
	if (err)
		return err;
	value_of(text, "LoadState", value, sizeof(value));
	if (!strcmp(value, "masked"))
		return fault(EPERM,
			     "%s: masked, it cannot start; unmask it first: systemctl unmask %s",
			     given, ret->name);
	if (strcmp(value, "loaded"))
		return fault(ENOENT, "%s: no such unit (%s); see systemctl list-unit-files", given,
			     value);
	value_of(text, "Id", ret->name, sizeof(ret->name));
	value_of(text, "ActiveState", value, sizeof(value));
	ret->active = !strcmp(value, "active");
	value_of(text, "TriggeredBy", value, sizeof(value));
	return find_socket(value, ret);
}

static int run(char *const args[], const char *what)
{
	int err = systemctl(args, NULL, 0);

	return err ? fault(err < 0 ? -err : EIO, "%s: failed; see the journal", what) : 0;
}

int systemd_reload(void)
{
	char *const args[] = { "systemctl", "daemon-reload", NULL };

	return run(args, "systemctl daemon-reload");
}

int systemd_restart(const char *unit)
{
	char *const args[] = { "systemctl", "restart", "--", (char *)unit, NULL };
	char what[UNIT_NAME_MAX + 32];

	snprintf(what, sizeof(what), "systemctl restart %s", unit);
	return run(args, what);
}
