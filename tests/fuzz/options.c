// SPDX-License-Identifier: GPL-2.0-only
/* The walk over TCP options, compared with the reference. */
#include "fuzz.h"
#include "options_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char want[TCP_OPTIONS_MAX];
	struct option_walk walk = { 0 };
	bool found;

	if (size > TCP_OPTIONS_MAX)
		return 0;
	memcpy(walk.bytes, data, size);
	walk.size = (unsigned int)size;
	found = reference_strip(data, (unsigned int)size, want);
	hold(walk_options(&walk) == found);
	hold(!memcmp(walk.bytes, want, size));
	return 0;
}
