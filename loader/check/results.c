// SPDX-License-Identifier: GPL-2.0-only
#include "check/results.h"
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 5, 0))) static void
add_result(struct checks *checks, const char *name, enum check_result result, const char *remedy,
	   const char *fmt, va_list args)
{
	struct check *list = realloc(checks->list, (checks->n + 1) * sizeof(*list));
	struct check *check;

	if (!list) {
		checks->no_memory = true;
		return;
	}
	checks->list = list;
	check = &list[checks->n];
	check->name = name;
	check->result = result;
	check->remedy = strdup(remedy);
	if (vasprintf(&check->text, fmt, args) < 0)
		check->text = NULL;
	if (check->remedy && check->text) {
		checks->n++;
		return;
	}
	free(check->remedy);
	free(check->text);
	checks->no_memory = true;
}

void check_ok(struct checks *checks, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_result(checks, name, CHECK_OK, "", fmt, args);
	va_end(args);
}

void check_warn(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_result(checks, name, CHECK_WARN, remedy, fmt, args);
	va_end(args);
}

void check_fail(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_result(checks, name, CHECK_FAIL, remedy, fmt, args);
	va_end(args);
}

void check_fault(struct checks *checks, const char *name, enum check_result result)
{
	const struct fault *fault = fault_remembered();
	const char *mark = fault->object[0] ? ": " : "";

	if (result == CHECK_FAIL)
		check_fail(checks, name, fault->remedy, "%s%s%s", fault->object, mark,
			   fault->cause);
	else
		check_warn(checks, name, fault->remedy, "%s%s%s", fault->object, mark,
			   fault->cause);
	fault_told();
}

void checks_free(struct checks *checks)
{
	for (size_t i = 0; i < checks->n; i++) {
		free(checks->list[i].text);
		free(checks->list[i].remedy);
	}
	free(checks->list);
}
