// SPDX-License-Identifier: GPL-2.0-only
/* The report of --audit, for people and for programs. */
#include "audit/reading.h"
#include "json_text.h"
#include "report.h"
#include "version.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define WIDTH 79

static const struct {
	const char *json; /* key */
	const char *note; /* in the table */
	const char *label; /* of the list */
} words[AUDIT_N_VERDICTS] = {
	[AUDIT_SUGGESTED] = { "suggested", "", "Suggested:" },
	[AUDIT_OUTGOING] = { "outgoing", "outgoing is opt-in", "Outgoing, if wanted:" },
	[AUDIT_LOOPBACK] = { "loopback", "loopback only", "Left out, loopback only:" },
	[AUDIT_EPHEMERAL] = { "ephemeral", "ephemeral port", "Left out, ephemeral:" },
	[AUDIT_NOT_MAIL] = { "not_mail", "no mail port", "Left out, no mail ports:" },
};

static void print_rows(const struct audit_report *report)
{
	char command[4 * MMA_COMMAND_SIZE];

	printf(" PORT  ROLE     COMMAND          CONNECTIONS  NOTE\n");
	for (size_t i = 0; i < report->n; i++) {
		const struct audit_row *row = &report->rows[i];

		const char *remark = words[audit_verdict(report, row)].note;

		printf("%5u  %-7s  %-15s  %11llu%s%s\n", row->port,
		       row->role == MMA_ROLE_LISTEN ? "listen" : "connect",
		       row->command[0] ? visible(row->command, command, sizeof(command)) : "-",
		       (unsigned long long)row->connections, *remark ? "  " : "", remark);
	}
}

/* A list to read is wrapped; one to copy stays in one piece. */
static void print_list(const char *label, const char *list)
{
	size_t column = strlen(label);

	fputs(label, stdout);
	while (*list) {
		size_t len = strcspn(list, ",");

		len += list[len] == ',';
		if (column + 1 + len > WIDTH) {
			fputs("\n ", stdout);
			column = 1;
		}
		printf(" %.*s", (int)len, list);
		column += 1 + len;
		list += len;
	}
	putchar('\n');
}

static int print_verdict(const struct audit_report *report, enum audit_verdict verdict)
{
	char *list = audit_list(report, verdict);

	if (!list)
		return fault(ENOMEM, "audit: out of memory");
	if (*list && (verdict == AUDIT_SUGGESTED || verdict == AUDIT_OUTGOING))
		printf("%s --port %s\n", words[verdict].label, list);
	else if (*list)
		print_list(words[verdict].label, list);
	else if (verdict == AUDIT_SUGGESTED)
		printf("%s nothing: no port was listened on that others reach\n",
		       words[verdict].label);
	free(list);
	return 0;
}

int audit_print_text(const struct audit_report *report, const char *path)
{
	char name[4 * MMA_PATH_SIZE];
	int err = 0;

	printf("%s, watched for %.0f s\n\n", visible(path, name, sizeof(name)), report->seconds);
	if (report->n)
		print_rows(report);
	else
		printf("no listener, and no TCP connection\n");
	putchar('\n');
	for (int i = 0; !err && i < AUDIT_N_VERDICTS; i++)
		err = print_verdict(report, (enum audit_verdict)i);
	if (report->lost)
		printf("%llu events had no room and are missing\n",
		       (unsigned long long)report->lost);
	return err;
}

static json_t *rows_json(const struct audit_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->n; i++) {
		const struct audit_row *row = &report->rows[i];

		json_array_append_new(list,
				      json_pack("{s:i, s:s, s:o, s:I, s:b, s:b, s:s}", "port",
						(int)row->port, "role",
						row->role == MMA_ROLE_LISTEN ? "listen" : "connect",
						"command", json_text(row->command), "connections",
						(json_int_t)row->connections, "loopback",
						row->loopback, "existing", row->existing, "verdict",
						words[audit_verdict(report, row)].json));
	}
	return list;
}

static json_t *lists_json(const struct audit_report *report)
{
	json_t *lists = json_object();

	for (int i = 0; i < AUDIT_N_VERDICTS; i++) {
		char *list = audit_list(report, (enum audit_verdict)i);

		json_object_set_new(lists, words[i].json, json_string(list ? list : ""));
		free(list);
	}
	return lists;
}

int audit_print_json(const struct audit_report *report, const char *path)
{
	json_t *all = json_pack("{s:i, s:s, s:o, s:f, s:o, s:o, s:I}", "schema", SCHEMA, "version",
				MMA_VERSION, "path", json_text(path), "seconds", report->seconds,
				"ports", rows_json(report), "lists", lists_json(report), "lost",
				(json_int_t)report->lost);
	int err = 0;

	if (!all || json_dumpf(all, stdout, JSON_INDENT(2)))
		err = fault(EIO, "--json: cannot be written");
	else
		putchar('\n');
	json_decref(all);
	return err;
}
