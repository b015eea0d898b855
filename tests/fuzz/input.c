// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz.h"

static const uint8_t *file;
static size_t file_size;

char *split_input(const uint8_t *data, size_t size)
{
	size_t len = strnlen((const char *)data, size);
	char *first = malloc(len + 1);

	hold(first);
	memcpy(first, data, len);
	first[len] = '\0';
	file = data + len + (len < size);
	file_size = size - len - (len < size);
	return first;
}

FILE *__wrap_fopen(const char *name, const char *mode)
{
	if (strcmp(mode, "re")) /* libFuzzer's own */
		return __real_fopen(name, mode);
	/* fmemopen() refuses a file of 0 bytes. */
	return file_size ? fmemopen((void *)(uintptr_t)file, file_size, "r")
			 : fmemopen((char[]){ "\n" }, 1, "r");
}
