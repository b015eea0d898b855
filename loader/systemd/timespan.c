// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/timespan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

unsigned int timespan_ms(const char *text)
{
	unsigned long number;
	double sum = 0;
	char *unit;

	if (!*text)
		return UINT_MAX;
	for (; *text; text = unit + strcspn(unit, " "), text += *text == ' ') {
		number = strtoul(text, &unit, 10);
		if (!strncmp(unit, "us", 2))
			sum += (double)number / 1000;
		else if (!strncmp(unit, "ms", 2))
			sum += (double)number;
		else if (*unit == 's')
			sum += (double)number * 1000;
		else
			return UINT_MAX;
	}
	return (unsigned int)sum;
}
