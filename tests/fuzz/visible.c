// SPDX-License-Identifier: GPL-2.0-only
/* Names from any source, in a buffer of any size (the first byte). */
#include "fuzz.h"
#include "report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size ? data[0] : 0;
	char *name, *seen;

	if (!room)
		return 0;
	name = split_input(data + 1, size - 1);
	seen = malloc(room);
	hold(seen);
	memset(seen, 'x', room);
	hold(visible(name, seen, room) == seen);
	hold(strnlen(seen, room) < room);
	for (const unsigned char *c = (unsigned char *)seen; *c; c++) {
		hold(*c >= 0x20 && *c != 0x7f);
		hold(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0));
	}
	free(seen);
	free(name);
	return 0;
}
