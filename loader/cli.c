// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(mode) (1U << (mode))

enum takes {
	TAKES_NOTHING,
	TAKES_WORD, /* appended to the struct words at the offset */
	TAKES_PORTS, /* parsed into request.ports; the text is appended as with TAKES_WORD */
	TAKES_FLAG, /* sets the bool at the offset */
	TAKES_SECONDS, /* into the unsigned int at the offset */
	TAKES_INTERVAL, /* the same; 2 if no number follows */
	TAKES_PID, /* a process id, into the unsigned int at the offset */
	TAKES_VERBOSE,
	TAKES_QUIET,
};

/* An option chooses a mode, or goes with some modes, or both. --cgroup attaches unless
 * another option chooses the mode. */
static const struct option_row {
	const char *group; /* in --help */
	const char *name;
	char letter; /* or 0 */
	const char *argument; /* or NULL */
	enum takes takes;
	size_t offset; /* in struct request */
	enum mode chooses;
	unsigned int goes_with; /* BIT(mode) */
	const char *help;
} table[] = {
#define AT(field) offsetof(struct request, field)
	{ "attach", "cgroup", 0, "PATH|self", TAKES_WORD, AT(cgroups), MODE_NONE,
	  BIT(MODE_ATTACH) | BIT(MODE_DETACH) | BIT(MODE_CHECK) | BIT(MODE_AUDIT) |
		  BIT(MODE_CONNECTIONS),
	  "attach the cgroup at PATH; self: this one" },
	{ "attach", "port", 0, "LIST", TAKES_PORTS, AT(port_texts), MODE_NONE,
	  BIT(MODE_ATTACH) | BIT(MODE_ENABLE), "allow these ports; default: mail ports" },
	{ "attach", "netns", 0, "PATH", TAKES_WORD, AT(netns), MODE_NONE, BIT(MODE_ATTACH),
	  "cover this network namespace, too" },
	{ "attach", "no-repair", 0, NULL, TAKES_FLAG, AT(no_repair), MODE_NONE,
	  BIT(MODE_ATTACH) | BIT(MODE_ENABLE), "do not answer missing socket options" },
	{ "attach", "detach", 0, NULL, TAKES_NOTHING, 0, MODE_DETACH, BIT(MODE_DETACH),
	  "detach everything, or only each --cgroup" },
	{ "attach", "refresh", 0, NULL, TAKES_NOTHING, 0, MODE_REFRESH, BIT(MODE_REFRESH),
	  "cover new interfaces and namespaces" },
	{ "allowlist", "allow", 0, "LIST", TAKES_PORTS, AT(port_texts), MODE_ALLOW, BIT(MODE_ALLOW),
	  "let ports speak MPTCP from now on" },
	{ "allowlist", "deny", 0, "LIST", TAKES_PORTS, AT(port_texts), MODE_DENY, BIT(MODE_DENY),
	  "keep ports TCP from the next handshake on" },
	{ "systemd", "enable", 0, "UNIT...", TAKES_WORD, AT(units), MODE_ENABLE, BIT(MODE_ENABLE),
	  "attach units at each start (drop-in)" },
	{ "systemd", "disable", 0, "UNIT...", TAKES_WORD, AT(units), MODE_DISABLE,
	  BIT(MODE_DISABLE), "remove the drop-ins and detach the units" },
	{ "systemd", "now", 0, NULL, TAKES_FLAG, AT(now), MODE_NONE,
	  BIT(MODE_ENABLE) | BIT(MODE_DISABLE), "restart the units at once" },
	{ "containers", "oci", 0, NULL, TAKES_NOTHING, 0, MODE_OCI, BIT(MODE_OCI),
	  "attach a starting container (runtime hook)" },
	{ "containers", "pid", 0, "N", TAKES_PID, AT(pid), MODE_NONE, BIT(MODE_OCI),
	  "first process; default: state on stdin" },
	{ "containers", "signal", 0, "ADDR", TAKES_WORD, AT(signals), MODE_NONE, BIT(MODE_OCI),
	  "announce ADDR to the container's peers" },
	{ "look", "status", 0, NULL, TAKES_NOTHING, 0, MODE_STATUS, BIT(MODE_STATUS),
	  "show what is attached and enforced now" },
	{ "look", "connections", 0, NULL, TAKES_NOTHING, 0, MODE_CONNECTIONS, BIT(MODE_CONNECTIONS),
	  "list live connections and their paths" },
	{ "look", "watch", 0, "[S]", TAKES_INTERVAL, AT(watch), MODE_NONE, BIT(MODE_CONNECTIONS),
	  "repeat every S seconds (2) until ^C" },
	{ "look", "check", 0, NULL, TAKES_NOTHING, 0, MODE_CHECK, BIT(MODE_CHECK),
	  "check what this machine lacks, with remedies" },
	{ "look", "audit", 0, NULL, TAKES_NOTHING, 0, MODE_AUDIT, BIT(MODE_AUDIT),
	  "find the ports that a --cgroup uses" },
	{ "look", "duration", 0, "S", TAKES_SECONDS, AT(duration), MODE_NONE, BIT(MODE_AUDIT),
	  "stop after S seconds, not at ^C" },
	{ "look", "json", 0, NULL, TAKES_FLAG, AT(json), MODE_NONE,
	  BIT(MODE_STATUS) | BIT(MODE_CHECK) | BIT(MODE_AUDIT) | BIT(MODE_CONNECTIONS),
	  "print JSON" },
	{ "look", "openmetrics", 0, NULL, TAKES_FLAG, AT(openmetrics), MODE_NONE, BIT(MODE_STATUS),
	  "print metrics for Prometheus" },
	{ "common", "verbose", 'v', NULL, TAKES_VERBOSE, 0, MODE_NONE, ~0U,
	  "print details; twice: libbpf's log, too" },
	{ "common", "quiet", 'q', NULL, TAKES_QUIET, 0, MODE_NONE, ~0U, "print errors only" },
	{ "common", "version", 'V', NULL, TAKES_NOTHING, 0, MODE_VERSION, BIT(MODE_VERSION),
	  "print the version" },
	{ "common", "help", 'h', NULL, TAKES_NOTHING, 0, MODE_HELP, BIT(MODE_HELP),
	  "print this help" },
#undef AT
};

#define N_ROWS (sizeof(table) / sizeof(table[0]))
#define LONG_ONLY 256 /* getopt value of row i: LONG_ONLY + i */

#define SEE_HELP "see --help"

#define MAX_SECONDS 1000000L /* fits an int as milliseconds */

static const char *mode_word(enum mode mode)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (table[i].chooses == mode)
			return table[i].name;
	return "cgroup"; /* no row chooses MODE_ATTACH */
}

static int choose(enum mode mode, struct request *ret)
{
	if (ret->mode != MODE_NONE && ret->mode != mode)
		return fault_usage("--%s with --%s: one mode at a time; " SEE_HELP, mode_word(mode),
				   mode_word(ret->mode));
	ret->mode = mode;
	return 0;
}

static void add_word(struct words *words, char *word)
{
	words->list[words->n++] = word;
}

static int read_positive(const char *option, const char *what, const char *text, long max,
			 unsigned int *ret)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number < 1 || number > max)
		return fault_usage("--%s %s: not a %s from 1 to %ld", option, text, what, max);
	*ret = (unsigned int)number;
	return 0;
}

static int take(const struct option_row *row, char *argument, struct request *ret)
{
	void *field = (char *)ret + row->offset;

	switch (row->takes) {
	case TAKES_NOTHING:
		break;
	case TAKES_PORTS:
		add_word(field, argument);
		return ports_parse(argument, NULL, &ret->ports);
	case TAKES_WORD:
		add_word(field, argument);
		break;
	case TAKES_FLAG:
		*(bool *)field = true;
		break;
	case TAKES_SECONDS:
		return read_positive(row->name, "number of seconds", argument, MAX_SECONDS, field);
	case TAKES_INTERVAL:
		return read_positive(row->name, "number of seconds", argument ? argument : "2",
				     MAX_SECONDS, field);
	case TAKES_PID:
		return read_positive(row->name, "process id", argument, INT_MAX, field);
	case TAKES_VERBOSE:
		ret->verbosity += ret->verbosity < 2;
		break;
	case TAKES_QUIET:
		ret->verbosity = -1;
		break;
	}
	return 0;
}

/* Allocates the lists: no option repeats more often than there are arguments. */
static int make_room(int argc, struct request *ret)
{
	struct words *all[] = { &ret->cgroups, &ret->netns, &ret->units, &ret->port_texts,
				&ret->signals };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		all[i]->list = (char **)calloc((size_t)argc + 1, sizeof(char *));
		if (!all[i]->list)
			return fault(ENOMEM, "command line: out of memory");
	}
	return 0;
}

static int check_combination(const bool *given, struct request *ret)
{
	if (ret->mode == MODE_NONE && ret->cgroups.n)
		ret->mode = MODE_ATTACH;
	if (ret->mode == MODE_NONE)
		return fault_usage(
			"nothing to do: no mode is given, such as --cgroup PATH or --status; " SEE_HELP);
	for (size_t i = 0; i < N_ROWS; i++)
		if (given[i] && !(table[i].goes_with & BIT(ret->mode)))
			return fault_usage("--%s: does not go with --%s; " SEE_HELP, table[i].name,
					   mode_word(ret->mode));
	if (ret->mode == MODE_AUDIT && ret->cgroups.n != 1)
		return fault_usage("--audit: goes with one --cgroup PATH; " SEE_HELP);
	if ((ret->mode == MODE_CHECK || ret->mode == MODE_CONNECTIONS) && ret->cgroups.n > 1)
		return fault_usage("--%s: goes with one --cgroup PATH at most; " SEE_HELP,
				   mode_word(ret->mode));
	if (ret->json && ret->openmetrics)
		return fault_usage("--openmetrics with --json: one form at a time; " SEE_HELP);
	return 0;
}

static const struct option_row *row_of(int value, const struct option *options)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (options[i].val == value)
			return &table[i];
	return NULL;
}

/* getopt takes an optional argument only after "="; here a number may be the next word. */
static char *interval(int argc, char **argv)
{
	if (optarg || optind >= argc || argv[optind][0] < '0' || argv[optind][0] > '9')
		return optarg;
	return argv[optind++];
}

static int has_argument(const struct option_row *row)
{
	if (row->takes == TAKES_INTERVAL)
		return optional_argument;
	return row->argument ? required_argument : no_argument;
}

static int complain(int value, char **argv)
{
	const char *word = argv[optind - 1];

	if (value == ':')
		return fault_usage("%s: needs an argument; " SEE_HELP, word);
	if (optopt && strchr(word, '='))
		return fault_usage("%s: takes no argument; " SEE_HELP, word);
	if (optopt && optopt < LONG_ONLY && !strchr("vqVh", optopt))
		return fault_usage("-%c: unknown option; " SEE_HELP, optopt);
	return fault_usage("%s: unknown option; " SEE_HELP, word);
}

int cli_parse(int argc, char **argv, struct request *ret)
{
	struct option options[N_ROWS + 1] = { { 0 } };
	bool given[N_ROWS] = { false };
	char letters[2 * N_ROWS + 2] = ":", *letter = letters + 1;
	const struct option_row *row;
	int value, err = 0;

	for (size_t i = 0; i < N_ROWS; i++) {
		options[i].name = table[i].name;
		options[i].has_arg = has_argument(&table[i]);
		options[i].val = table[i].letter ? table[i].letter : LONG_ONLY + (int)i;
		if (table[i].letter)
			*letter++ = table[i].letter;
	}
	err = make_room(argc, ret);
	opterr = 0;
	while (!err && (value = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		row = row_of(value, options);
		if (!row)
			return complain(value, argv);
		given[row - table] = true;
		if (row->chooses != MODE_NONE)
			err = choose(row->chooses, ret);
		if (!err)
			err = take(row,
				   row->takes == TAKES_INTERVAL ? interval(argc, argv) : optarg,
				   ret);
	}
	if (ret->mode == MODE_ENABLE || ret->mode == MODE_DISABLE)
		while (!err && optind < argc)
			add_word(&ret->units, argv[optind++]);
	if (!err && optind < argc)
		err = fault_usage("%s: not an option; " SEE_HELP,
				  *argv[optind] ? argv[optind] : "an empty word");
	return err ? err : check_combination(given, ret);
}

void cli_print_help(void)
{
	printf("Usage: mptcp-mail-attach MODE [OPTION]...\n"
	       "Makes the TCP sockets of unmodified mail servers Multipath TCP.\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &table[i];
		char left[40];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
			 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
			 row->argument ? " " : "", row->argument ? row->argument : "");
		printf("%-10s %-22s  %s\n",
		       i && !strcmp(row->group, row[-1].group) ? "" : row->group, left, row->help);
	}
	printf("LIST: 25,465 or 4190-4195 or smtp,imaps or all; 25/listen, 25/connect: one role.\n"
	       "Exit: 0 done, 1 failed, 2 usage, 3 this kernel can't. mptcp-mail-attach(8)\n");
}
