// SPDX-License-Identifier: GPL-2.0-only
#include "check/json.h"
#include "check/results.h"
#include "json_text.h"
#include "report.h"
#include "version.h"

#include <errno.h>
#include <stdio.h>

#define SCHEMA 1

static const char *const words[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARN] = "warn",
	[CHECK_FAIL] = "fail",
};

int check_print_json(const struct checks *checks)
{
	json_t *list = json_array(), *all;
	int err = 0;

	for (size_t i = 0; i < checks->n; i++) {
		const struct check *check = &checks->list[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "name", check->name,
						      "result", words[check->result], "text",
						      json_text(check->text), "remedy",
						      json_text(check->remedy)));
	}
	all = json_pack("{s:i, s:s, s:o}", "schema", SCHEMA, "version", MMA_VERSION, "checks",
			list);
	if (!all || json_dumpf(all, stdout, JSON_INDENT(2)))
		err = fault(EIO, "--json: cannot be written");
	else
		putchar('\n');
	json_decref(all);
	return err;
}
