// SPDX-License-Identifier: GPL-2.0-only
#include "audit/json.h"
#include "audit/reading.h"
#include "json_text.h"
#include "report.h"
#include "version.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEMA 1

static const char *const keys[AUDIT_N_VERDICTS] = {
	[AUDIT_SUGGESTED] = "suggested", [AUDIT_OUTGOING] = "outgoing",
	[AUDIT_LOOPBACK] = "loopback",	 [AUDIT_EPHEMERAL] = "ephemeral",
	[AUDIT_NOT_MAIL] = "not_mail",
};

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
						keys[audit_verdict(report, row)]));
	}
	return list;
}

static json_t *lists_json(const struct audit_report *report)
{
	json_t *lists = json_object();

	for (int i = 0; i < AUDIT_N_VERDICTS; i++) {
		char *list = audit_list(report, (enum audit_verdict)i);

		json_object_set_new(lists, keys[i], json_string(list ? list : ""));
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
