// SPDX-License-Identifier: GPL-2.0-only
#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE_SIZE 4 /* \xNN */

json_t *json_text(const char *text)
{
	json_t *ret = json_string(text);
	size_t used = 0, size = ESCAPE_SIZE * strlen(text) + 1;
	char *escaped;

	if (ret)
		return ret;
	escaped = calloc(1, size);
	for (; escaped && *text; text++) {
		unsigned char c = (unsigned char)*text;

		used += (size_t)snprintf(escaped + used, size - used, c < 0x80 ? "%c" : "\\x%02x",
					 c);
	}
	if (escaped)
		ret = json_string(escaped);
	free(escaped);
	return ret;
}
