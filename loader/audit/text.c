// SPDX-License-Identifier: GPL-2.0-only
#include "audit/text.h"
#include "audit/reading.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 79

static const struct {
	const char *note; /* in the table */
	const char *label; /* of the list */
} words[AUDIT_N_VERDICTS] = {
	[AUDIT_SUGGESTED] = { "", "Suggested:" },
	[AUDIT_OUTGOING] = { "outgoing is opt-in", "Outgoing, if wanted:" },
	[AUDIT_LOOPBACK] = { "loopback only", "Left out, loopback only:" },
	[AUDIT_EPHEMERAL] = { "ephemeral port", "Left out, ephemeral:" },
	[AUDIT_NOT_MAIL] = { "no mail port", "Left out, no mail ports:" },
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

/* Wraps a list that is for reading; the ones to copy are not wrapped. */
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
		printf("%s nothing: the service listened on no port that others can reach\n",
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
