// SPDX-License-Identifier: GPL-2.0-only
/* Time spans as systemctl prints them. */
#include "suite.h"
#include "systemd/timespan.h"

#include <limits.h>

static const struct row {
	const char *name, *text;
	unsigned int ms;
} spans[] = {
	{ "seconds", "12s", 12000 },
	{ "milliseconds", "800ms", 800 },
	{ "microseconds", "1500us", 1 },
	{ "several", "1s 500ms", 1500 },
	{ "a minute and a half is long enough", "1min 30s", UINT_MAX },
	{ "hours", "2h", UINT_MAX },
	{ "none", "infinity", UINT_MAX },
	{ "not told", "", UINT_MAX },
};

static void is_read(void **state)
{
	const struct row *row = *state;

	assert_int_equal(timespan_ms(row->text), row->ms);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, is_read, spans);
	return run_suite("timespan", &suite);
}
