/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by all test programs: cmocka, and a test for each row of a table. */
#ifndef MMA_SUITE_H
#define MMA_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Lines for tests/tap. */
#define show(fmt, ...) print_message("# note: " fmt "\n", ##__VA_ARGS__)
#define tell_why(fmt, ...) print_message("# why: " fmt "\n", ##__VA_ARGS__)

#define skip_because(fmt, ...)                \
	do {                                  \
		tell_why(fmt, ##__VA_ARGS__); \
		skip();                       \
	} while (0)

#define fail_because(fmt, ...)                \
	do {                                  \
		tell_why(fmt, ##__VA_ARGS__); \
		fail();                       \
	} while (0)

#define SUITE_MAX 1024

struct suite {
	struct CMUnitTest tests[SUITE_MAX];
	size_t n;
};

/* The test gets the row in *state. */
static inline void add_test(struct suite *suite, const char *name, CMUnitTestFunction test,
			    const void *row)
{
	struct CMUnitTest *t = &suite->tests[suite->n++];

	if (suite->n > SUITE_MAX)
		abort();
	*t = (struct CMUnitTest){ name, test, NULL, NULL, (void *)(uintptr_t)row };
}

/* A table whose rows start with their name. */
#define add_table(suite, test, table)                                              \
	do {                                                                       \
		for (size_t row_ = 0; row_ < ARRAY_SIZE(table); row_++)            \
			add_test(suite, (table)[row_].name, test, &(table)[row_]); \
	} while (0)

static inline int run_suite(const char *name, struct suite *suite)
{
	return _cmocka_run_group_tests(name, suite->tests, suite->n, NULL, NULL);
}

#endif
