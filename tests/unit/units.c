// SPDX-License-Identifier: GPL-2.0-only
/* The unit that a cgroup belongs to, from its path. */
#include "suite.h"
#include "systemd/units.h"

static const struct row {
	const char *name, *unit; /* of the path; NULL: none */
} rows[] = {
	{ "/system.slice/postfix.service", "postfix.service" },
	{ "/system.slice/dovecot.socket", "dovecot.socket" },
	{ "/system.slice/system-postfix.slice/postfix@-.service", "postfix@-.service" },
	{ "/system.slice/a.b.service", "a.b.service" },
	{ "/system.slice/postfix.service/inner", NULL },
	{ "/mail.slice", NULL },
	{ "/machine.slice/machine-mail.scope", NULL },
	{ "/service", NULL },
	{ "/system.slice/x.services", NULL },
	{ "id:4711", NULL },
	{ "", NULL },
};

static void is_of(void **state)
{
	const struct row *row = *state;
	const char *unit = unit_of_path(row->name);

	assert_int_equal(unit != NULL, row->unit != NULL);
	if (unit)
		assert_string_equal(unit, row->unit);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, is_of, rows);
	return run_suite("units", &suite);
}
