// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/systemctl.h"
#include "host/run.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void value_of(const char *text, const char *name, char *ret_value, size_t size)
{
	size_t len = strlen(name);

	ret_value[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) || line[len] != '=')
			continue;
		snprintf(ret_value, size, "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return;
	}
}

bool value_is(const char *text, const char *name, const char *value)
{
	char found[64];

	value_of(text, name, found, sizeof(found));
	return !strcmp(found, value);
}

int systemctl_show(const char *unit, const char *properties, char *ret_text, size_t size)
{
	char *const args[] = { "systemctl", "show",	  "--property", (char *)properties,
			       "--",	    (char *)unit, NULL };
	int err = run_program(args, ret_text, size);

	if (err)
		return fault(err < 0 ? -err : EIO, "%s: systemctl cannot show it; check the name",
			     unit);
	return 0;
}

bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}
