// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/systemd.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* Reads to the end, so that the writer never meets a closed pipe; keeps what
 * fits. */
static void read_to_end(int fd, char *ret_text, size_t size)
{
	char rest[4096];
	size_t used = 0;
	ssize_t len;

	do {
		bool fits = used + 1 < size;

		len = fits ? read(fd, ret_text + used, size - 1 - used)
			   : read(fd, rest, sizeof(rest));
		if (fits && len > 0)
			used += (size_t)len;
	} while (len > 0 || (len < 0 && errno == EINTR));
	ret_text[used] = '\0';
}

/* Runs systemctl. With ret_text, what it prints goes there, and what it has to
 * say about it nowhere; without, both to our own output. Returns its exit code,
 * or -errno. */
static int systemctl(char *const args[], char *ret_text, size_t size)
{
	posix_spawn_file_actions_t actions;
	int pipes[2] = { -1, -1 }, status = 0, err;
	pid_t pid;

	if (ret_text && pipe2(pipes, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	if (ret_text) {
		posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	}
	err = posix_spawnp(&pid, "systemctl", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret_text) {
		close(pipes[1]);
		read_to_end(pipes[0], ret_text, size);
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

static bool value_is(const char *text, const char *name, const char *value)
{
	char found[64];

	value_of(text, name, found, sizeof(found));
	return !strcmp(found, value);
}

static int show(const char *unit, char *ret_text, size_t size)
{
	char *const args[] = {
		"systemctl",
		"show",
		"--property",
		"Id,LoadState,ActiveState,UnitFileState,Triggers,TriggeredBy,TimeoutStartUSec,TimeoutUSec,RootDirectory,RootImage",
		"--",
		(char *)unit,
		NULL
	};
	int err = systemctl(args, ret_text, size);

	if (err)
		return fault(err < 0 ? -err : EIO,
			     "%s: systemctl cannot show it; is the name right?", unit);
	return 0;
}

static bool is_running(const char *shown)
{
	return !value_is(shown, "ActiveState", "inactive") &&
	       !value_is(shown, "ActiveState", "failed");
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

/* As systemctl does it: what does not end in the name of a kind is a service. */
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

/* "1min 30s", "800ms", "infinity": systemd.time(7), as systemctl prints it. */
static unsigned int milliseconds(const char *text)
{
	unsigned long number;
	double sum = 0;
	char *unit;

	if (!*text)
		return UINT_MAX;
	for (; *text; text = unit + strcspn(unit, " "), text += *text == ' ') {
		number = strtoul(text, &unit, 10);
		if (!strncmp(unit, "us", 2))
			sum += (double)number / 1000;
		else if (!strncmp(unit, "ms", 2))
			sum += (double)number;
		else if (*unit == 's')
			sum += (double)number * 1000;
		else /* minutes and more, infinity: long enough */
			return UINT_MAX;
	}
	return (unsigned int)sum;
}

/* The .socket units among those that trigger this one, if they are in use. */
static int find_sockets(const char *triggers, struct unit *ret)
{
	char words[UNIT_NAMES_MAX], text[4096] = "", *save = NULL;
	size_t used = 0;

	snprintf(words, sizeof(words), "%s", triggers);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int err;

		if (!ends_with(word, ".socket"))
			continue;
		err = show(word, text, sizeof(text));
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
	char text[4096] = "";
	int err;

	if (!triggered[0] || strlen(triggered) >= sizeof(ret->service) || strchr(triggered, ' '))
		return 0;
	err = show(triggered, text, sizeof(text));
	if (!err && is_running(text))
		strcpy(ret->service, triggered);
	return err;
}

int systemd_find_unit(const char *given, struct unit *ret)
{
	char text[8192] = "", value[UNIT_NAMES_MAX];
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->start_ms = UINT_MAX;
	err = read_unit_name(given, ret);
	if (err)
		return err;
	if (ret->is_template) {
		char *const args[] = { "systemctl", "cat", "--", ret->name, NULL };

		ret->missing = systemctl(args, text, sizeof(text)) != 0;
		return 0;
	}
	err = show(ret->name, text, sizeof(text));
	if (err)
		return err;
	ret->masked = value_is(text, "LoadState", "masked");
	ret->missing = !ret->masked && !value_is(text, "LoadState", "loaded");
	ret->running = is_running(text);
	ret->own_root = !value_is(text, "RootDirectory", "") || !value_is(text, "RootImage", "");
	value_of(text, ret->is_socket ? "TimeoutUSec" : "TimeoutStartUSec", value, sizeof(value));
	ret->start_ms = milliseconds(value);
	value_of(text, "Id", value, sizeof(value));
	if (value[0])
		snprintf(ret->name, sizeof(ret->name), "%.*s", UNIT_NAME_MAX - 1, value);
	value_of(text, ret->is_socket ? "Triggers" : "TriggeredBy", value, sizeof(value));
	return ret->is_socket ? find_service(value, ret) : find_sockets(value, ret);
}

static int run_systemctl(char *const args[], const char *what)
{
	int err = systemctl(args, NULL, 0);

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
