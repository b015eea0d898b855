// SPDX-License-Identifier: GPL-2.0-only
/* The command line: arguments, and the request or message that they result in. */
#include "suite.h"
#include "cli.h"
#include "fault_text.h"

#include <getopt.h>
#include <string.h>

#define MAX_ARGS 16

static const char *const modes[] = {
	[MODE_NONE] = "none",	    [MODE_ATTACH] = "attach",	[MODE_DETACH] = "detach",
	[MODE_ALLOW] = "allow",	    [MODE_DENY] = "deny",	[MODE_REFRESH] = "refresh",
	[MODE_ENABLE] = "enable",   [MODE_DISABLE] = "disable", [MODE_OCI] = "oci",
	[MODE_STATUS] = "status",   [MODE_CHECK] = "check",	[MODE_AUDIT] = "audit",
	[MODE_VERSION] = "version", [MODE_HELP] = "help",	[MODE_CONNECTIONS] = "connections",
};

static const struct row {
	const char *name; /* the arguments, separated by blanks; "''" is an empty one */
	const char *result; /* the request as describe() prints it, or the message */
} good[] = {
	{ "--cgroup /a", "attach cgroup=/a" },
	{ "--cgroup=/a", "attach cgroup=/a" },
	{ "--cgroup self", "attach cgroup=self" },
	{ "--cgroup /a --cgroup b", "attach cgroup=/a cgroup=b" },
	{ "--cgroup ''", "attach cgroup=" },
	{ "--cgroup --status", "attach cgroup=--status" },
	{ "--cgroup /a --port 25", "attach cgroup=/a list=25 port=25:3" },
	{ "--port 25/listen --cgroup /a --port 26,25/connect",
	  "attach cgroup=/a list=25/listen list=26,25/connect port=25:3 port=26:3" },
	{ "--cgroup /a --port all/listen", "attach cgroup=/a list=all/listen port=0:1" },
	{ "--cgroup /a --netns /n --netns /m", "attach cgroup=/a netns=/n netns=/m" },
	{ "--cgroup /a --no-repair", "attach cgroup=/a no-repair" },
	{ "--no-repair --enable a", "enable unit=a no-repair" },
	{ "--detach", "detach" },
	{ "--detach --detach", "detach" },
	{ "--detach --cgroup /a", "detach cgroup=/a" },
	{ "--cgroup self --detach --cgroup /a", "detach cgroup=self cgroup=/a" },
	{ "--allow 25", "allow list=25 port=25:3" },
	{ "--allow 25/listen --allow 26", "allow list=25/listen list=26 port=25:1 port=26:3" },
	{ "--deny 25/connect", "deny list=25/connect port=25:2" },
	{ "--refresh", "refresh" },
	{ "--enable postfix", "enable unit=postfix" },
	{ "--enable a b.service --now --port 25",
	  "enable unit=a unit=b.service list=25 port=25:3 now" },
	{ "--enable a --enable b", "enable unit=a unit=b" },
	{ "--disable a b --now", "disable unit=a unit=b now" },
	{ "--oci", "oci" },
	{ "--oci --pid 4711 --signal 192.0.2.1 --signal 2001:db8::1",
	  "oci pid=4711 signal=192.0.2.1 signal=2001:db8::1" },
	{ "--status", "status" },
	{ "--status --json", "status json" },
	{ "--json --status", "status json" },
	{ "--check", "check" },
	{ "--check --cgroup /a --json", "check cgroup=/a json" },
	{ "--audit --cgroup self", "audit cgroup=self" },
	{ "--cgroup /a --duration 90 --audit --json", "audit cgroup=/a json duration=90" },
	{ "--connections", "connections" },
	{ "--connections --watch", "connections watch=2" },
	{ "--watch 5 --connections --json", "connections json watch=5" },
	{ "--connections --watch=7 --cgroup /a", "connections cgroup=/a watch=7" },
	{ "--status --openmetrics", "status openmetrics" },
	{ "--audit --cgroup /a --duration 1000000", "audit cgroup=/a duration=1000000" },
	{ "--version", "version" },
	{ "-V", "version" },
	{ "--help", "help" },
	{ "-h", "help" },
	{ "--status -v", "status v=1" },
	{ "--status -vv", "status v=2" },
	{ "--status -v -v -v", "status v=2" },
	{ "--status --verbose --verbose", "status v=2" },
	{ "--status -q", "status v=-1" },
	{ "--status --quiet", "status v=-1" },
	{ "--detach --", "detach" },
};

#define HELP "; see --help"
#define NOTHING "nothing to do: no mode is given, such as --cgroup PATH or --status" HELP

static const struct row bad[] = {
	{ "", NOTHING },
	{ "-v", NOTHING },
	{ "--port 25", NOTHING },
	{ "--json", NOTHING },
	{ "--frobnicate", "--frobnicate: unknown option" HELP },
	{ "--frobnicate=1", "--frobnicate=1: unknown option" HELP },
	{ "-x", "-x: unknown option" HELP },
	{ "-vx", "-x: unknown option" HELP },
	{ "--status -qx", "-x: unknown option" HELP },
	{ "postfix", "postfix: not an option" HELP },
	{ "--status postfix", "postfix: not an option" HELP },
	{ "postfix --status", "postfix: not an option" HELP },
	{ "--status -- --json", "--json: not an option" HELP },
	{ "--cgroup", "--cgroup: needs an argument" HELP },
	{ "--status --port", "--port: needs an argument" HELP },
	{ "--allow", "--allow: needs an argument" HELP },
	{ "--status --detach", "--detach with --status: one mode at a time" HELP },
	{ "--allow 25 --deny 26", "--deny with --allow: one mode at a time" HELP },
	{ "--refresh --status", "--status with --refresh: one mode at a time" HELP },
	{ "--enable a --disable b", "--disable with --enable: one mode at a time" HELP },
	{ "--help --version", "--version with --help: one mode at a time" HELP },
	{ "--status --cgroup /a", "--cgroup: does not go with --status" HELP },
	{ "--cgroup /a --allow 25", "--cgroup: does not go with --allow" HELP },
	{ "--detach --port 25", "--port: does not go with --detach" HELP },
	{ "--allow 25 --port 26", "--port: does not go with --allow" HELP },
	{ "--detach --netns /n", "--netns: does not go with --detach" HELP },
	{ "--refresh --no-repair", "--no-repair: does not go with --refresh" HELP },
	{ "--detach --cgroup /a --no-repair", "--no-repair: does not go with --detach" HELP },
	{ "--cgroup /a --json", "--json: does not go with --cgroup" HELP },
	{ "--cgroup /a --now", "--now: does not go with --cgroup" HELP },
	{ "--disable a --port 25", "--port: does not go with --disable" HELP },
	{ "--refresh --json", "--json: does not go with --refresh" HELP },
	{ "--status --duration 5", "--duration: does not go with --status" HELP },
	{ "--check --port 25", "--port: does not go with --check" HELP },
	{ "--audit --port 25 --cgroup /a", "--port: does not go with --audit" HELP },
	{ "--status --pid 1", "--pid: does not go with --status" HELP },
	{ "--cgroup /a --signal ::1", "--signal: does not go with --cgroup" HELP },
	{ "--oci --cgroup /a", "--cgroup: does not go with --oci" HELP },
	{ "--oci --port 25", "--port: does not go with --oci" HELP },
	{ "--oci --status", "--status with --oci: one mode at a time" HELP },
	{ "--oci --pid 0", "--pid 0: not a process id from 1 to 2147483647" },
	{ "--oci --pid 1x", "--pid 1x: not a process id from 1 to 2147483647" },
	{ "--oci --pid 2147483648", "--pid 2147483648: not a process id from 1 to 2147483647" },
	{ "--audit --check", "--check with --audit: one mode at a time" HELP },
	{ "--audit", "--audit: goes with one --cgroup PATH" HELP },
	{ "--audit --cgroup /a --cgroup /b", "--audit: goes with one --cgroup PATH" HELP },
	{ "--check --cgroup /a --cgroup /b", "--check: goes with one --cgroup PATH at most" HELP },
	{ "--connections --cgroup /a --cgroup /b",
	  "--connections: goes with one --cgroup PATH at most" HELP },
	{ "--status --watch", "--watch: does not go with --status" HELP },
	{ "--check --openmetrics", "--openmetrics: does not go with --check" HELP },
	{ "--status --json --openmetrics", "--openmetrics with --json: one form at a time" HELP },
	{ "--connections --watch 0", "--watch 0: not a number of seconds from 1 to 1000000" },
	{ "--connections --watch=", "--watch : not a number of seconds from 1 to 1000000" },
	{ "--connections --watch 5s", "--watch 5s: not a number of seconds from 1 to 1000000" },
	{ "--connections --watch x", "x: not an option" HELP },
	{ "--connections 5", "5: not an option" HELP },
	{ "--audit --duration 0", "--duration 0: not a number of seconds from 1 to 1000000" },
	{ "--audit --duration -1", "--duration -1: not a number of seconds from 1 to 1000000" },
	{ "--audit --duration 5s", "--duration 5s: not a number of seconds from 1 to 1000000" },
	{ "--audit --duration +5", "--duration +5: not a number of seconds from 1 to 1000000" },
	{ "--audit --duration ''", "--duration : not a number of seconds from 1 to 1000000" },
	{ "--audit --duration 1000001",
	  "--duration 1000001: not a number of seconds from 1 to 1000000" },
	{ "--audit --duration 99999999999999999999",
	  "--duration 99999999999999999999: not a number of seconds from 1 to 1000000" },
	{ "--allow 25x",
	  "25x: not a port; write a number from 1 to 65535, a range as 4190-4195 or a name as imaps" },
	{ "--cgroup /a --port ''", "an empty item in a port list; write it as 25,465,587" },
	{ "--port 0 --status",
	  "0: port 0 is out of range; ports are 1 to 65535, and \"all\" stands for every one" },
};

/* The lists of a request live as long as the process. Kept here, so that the leak
 * checker sees them in use. */
static struct request *held[ARRAY_SIZE(good) + ARRAY_SIZE(bad)];
static size_t n_held;

static struct request *parse(const char *args, int *ret_err)
{
	static char words[ARRAY_SIZE(good) + ARRAY_SIZE(bad)][256];
	char *argv[MAX_ARGS] = { "mptcp-mail-attach" }, *save = NULL, *word;
	struct request *request = calloc(1, sizeof(*request));
	int argc = 1;

	assert_non_null(request);
	snprintf(words[n_held], sizeof(words[0]), "%s", args);
	for (word = strtok_r(words[n_held], " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_ARGS - 1);
		argv[argc++] = strcmp(word, "''") ? word : word + 2;
	}
	held[n_held++] = request;
	optind = 0; /* of an earlier test */
	*ret_err = cli_parse(argc, argv, request);
	return request;
}

static void add(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, size - used, fmt, args);
	va_end(args);
}

static void add_words(char *text, size_t size, const char *name, const struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		add(text, size, " %s=%s", name, words->list[i]);
}

static void describe(const struct request *request, char *text, size_t size)
{
	snprintf(text, size, "%s", modes[request->mode]);
	add_words(text, size, "cgroup", &request->cgroups);
	add_words(text, size, "netns", &request->netns);
	add_words(text, size, "unit", &request->units);
	if (request->pid)
		add(text, size, " pid=%u", request->pid);
	add_words(text, size, "signal", &request->signals);
	add_words(text, size, "list", &request->port_texts);
	for (uint32_t port = 0; port < MMA_MAX_PORTS; port++)
		if (request->ports.roles[port])
			add(text, size, " port=%u:%u", port, request->ports.roles[port]);
	if (request->now)
		add(text, size, " now");
	if (request->no_repair)
		add(text, size, " no-repair");
	if (request->json)
		add(text, size, " json");
	if (request->openmetrics)
		add(text, size, " openmetrics");
	if (request->watch)
		add(text, size, " watch=%u", request->watch);
	if (request->duration)
		add(text, size, " duration=%u", request->duration);
	if (request->verbosity)
		add(text, size, " v=%d", request->verbosity);
}

static void asks_for(void **state)
{
	const struct row *row = *state;
	char text[4096];
	int err;
	struct request *request = parse(row->name, &err);

	assert_int_equal(err, 0);
	describe(request, text, sizeof(text));
	assert_string_equal(text, row->result);
}

static void refuses(void **state)
{
	const struct row *row = *state;
	char text[4096];
	int err;

	parse(row->name, &err);
	assert_true(err < 0);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, row->result);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, asks_for, good);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		add_test(&suite, bad[i].name[0] ? bad[i].name : "no argument", refuses, &bad[i]);
	return run_suite("cli", &suite);
}
