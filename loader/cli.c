// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(mode) (1U << (mode))

/* An option may choose the mode, go with some modes, or both: --cgroup attaches
 * unless --detach is given, too. */
static const struct option_row {
	const char *name;
	char letter; /* or 0 */
	const char *argument; /* or NULL */
	enum mode chooses;
	unsigned int goes_with; /* BIT(mode) */
	const char *help;
} table[] = {
	{ "cgroup", 0, "PATH|self", MODE_NONE, BIT(MODE_ATTACH) | BIT(MODE_DETACH),
	  "attach the cgroup at PATH, or this one" },
	{ "port", 0, "LIST", MODE_NONE, BIT(MODE_ATTACH),
	  "add to the allowlist; default: mail ports" },
	{ "netns", 0, "PATH", MODE_NONE, BIT(MODE_ATTACH), "cover this network namespace, too" },
	{ "detach", 0, NULL, MODE_DETACH, BIT(MODE_DETACH), "undo: everything, or each --cgroup" },
	{ "allow", 0, "LIST", MODE_ALLOW, BIT(MODE_ALLOW), "let ports speak MPTCP, now" },
	{ "deny", 0, "LIST", MODE_DENY, BIT(MODE_DENY),
	  "keep ports plain TCP, from the next handshake" },
	{ "refresh", 0, NULL, MODE_REFRESH, BIT(MODE_REFRESH),
	  "cover new interfaces and namespaces" },
	{ "status", 0, NULL, MODE_STATUS, BIT(MODE_STATUS), "what the kernel does now" },
	{ "json", 0, NULL, MODE_NONE, BIT(MODE_STATUS), "the same for programs" },
	{ "verbose", 'v', NULL, MODE_NONE, ~0U, "say more; twice: libbpf's own log" },
	{ "quiet", 'q', NULL, MODE_NONE, ~0U, "errors only, no notes" },
	{ "version", 'V', NULL, MODE_VERSION, BIT(MODE_VERSION), "the version" },
	{ "help", 'h', NULL, MODE_HELP, BIT(MODE_HELP), "this" },
};

#define N_ROWS (sizeof(table) / sizeof(table[0]))
#define LONG_ONLY 256 /* getopt value of row i: LONG_ONLY + i */

#define SEE_HELP "see --help"

static const char *mode_word(enum mode mode)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (table[i].chooses == mode)
			return table[i].name;
	return "cgroup"; /* MODE_ATTACH is chosen by it alone */
}

static int choose(enum mode mode, struct request *ret)
{
	if (ret->mode != MODE_NONE && ret->mode != mode)
		return fault_usage("--%s with --%s: one mode at a time; " SEE_HELP, mode_word(mode),
				   mode_word(ret->mode));
	ret->mode = mode;
	return 0;
}

static int take(const struct option_row *row, char *argument, struct request *ret, char **words)
{
	if (!strcmp(row->name, "cgroup"))
		ret->cgroups.list[ret->cgroups.n++] = argument;
	else if (!strcmp(row->name, "netns"))
		words[ret->netns.n++] = argument;
	else if (!strcmp(row->name, "json"))
		ret->json = true;
	else if (!strcmp(row->name, "verbose"))
		ret->verbosity += ret->verbosity < 2;
	else if (!strcmp(row->name, "quiet"))
		ret->verbosity = -1;
	else if (row->argument) /* port, allow, deny */
		return ports_parse(argument, NULL, &ret->ports);
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
	return 0;
}

static const struct option_row *row_of(int value, const struct option *options)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (options[i].val == value)
			return &table[i];
	return NULL;
}

static int complain(int value, char **argv)
{
	const char *word = argv[optind - 1];

	if (value == ':')
		return fault_usage("%s: needs an argument; " SEE_HELP, word);
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
		options[i].has_arg = table[i].argument ? required_argument : no_argument;
		options[i].val = table[i].letter ? table[i].letter : LONG_ONLY + (int)i;
		if (table[i].letter)
			*letter++ = table[i].letter;
	}
	ret->cgroups.list = calloc((size_t)argc + 1, sizeof(char *));
	ret->netns.list = calloc((size_t)argc + 1, sizeof(char *));
	if (!ret->cgroups.list || !ret->netns.list)
		return fault(12, "command line: out of memory");
	opterr = 0;
	while (!err && (value = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		row = row_of(value, options);
		if (!row)
			return complain(value, argv);
		given[row - table] = true;
		if (row->chooses != MODE_NONE)
			err = choose(row->chooses, ret);
		if (!err)
			err = take(row, optarg, ret, ret->netns.list);
	}
	if (!err && optind < argc)
		err = fault_usage("%s: not an option; " SEE_HELP, argv[optind]);
	return err ? err : check_combination(given, ret);
}

void cli_print_help(void)
{
	printf("Usage: mptcp-mail-attach MODE [OPTION…]\n"
	       "Makes the TCP sockets of unmodified mail servers Multipath TCP.\n\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[40];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", table[i].letter ? '-' : ' ',
			 table[i].letter ? table[i].letter : ' ', table[i].letter ? ',' : ' ',
			 table[i].name, table[i].argument ? " " : "",
			 table[i].argument ? table[i].argument : "");
		printf("  %-25s %s\n", left, table[i].help);
	}
	printf("\nPATH: a cgroup below /sys/fs/cgroup, there already or not yet.\n"
	       "LIST: 25,465 or 4190-4195 or smtp,imaps or all; 25/listen and 25/connect\n"
	       "narrow a port to one role. Options may repeat. Exit: 0 done, 1 failed,\n"
	       "2 usage, 3 this kernel can't. See mptcp-mail-attach(8).\n");
}
