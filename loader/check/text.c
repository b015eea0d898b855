// SPDX-License-Identifier: GPL-2.0-only
#include "check/text.h"
#include "check/results.h"
#include "report.h"

#include <stdio.h>

#define MAX_LINE 4096

/* UTF-8 in every locale. */
static const char *const signs[] = {
	[CHECK_OK] = "✓",
	[CHECK_WARN] = "!",
	[CHECK_FAIL] = "✗",
};

/* One line each, however long, so that it can be grepped. */
void check_print_text(const struct checks *checks)
{
	char text[MAX_LINE], remedy[MAX_LINE];

	for (size_t i = 0; i < checks->n; i++) {
		const struct check *check = &checks->list[i];

		printf("%s %-13s %s%s%s\n", signs[check->result], check->name,
		       visible(check->text, text, sizeof(text)), check->remedy[0] ? "; " : "",
		       visible(check->remedy, remedy, sizeof(remedy)));
	}
}
