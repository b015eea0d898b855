/* SPDX-License-Identifier: GPL-2.0-only */
/* The results of --check: a list of requirements, in report order. */
#ifndef MMA_CHECK_RESULTS_H
#define MMA_CHECK_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

enum check_result {
	CHECK_OK,
	CHECK_WARN, /* works, but there is something to know */
	CHECK_FAIL,
};

struct check {
	const char *name; /* part of the --json contract */
	enum check_result result;
	char *text, *remedy; /* remedy: "" if there is nothing to do */
};

struct checks {
	struct check *list;
	size_t n;
	bool no_memory; /* a result is missing */
};

void check_ok(struct checks *checks, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_warn(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check_fail(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds the remembered fault, "object: cause; remedy", and drops it. */
void check_fault(struct checks *checks, const char *name, enum check_result result);

void checks_free(struct checks *checks);

#endif
