/* SPDX-License-Identifier: GPL-2.0-only */
/* What every fuzz target needs. A property that does not hold ends the process:
 * libFuzzer keeps the input. */
#ifndef MMA_FUZZ_H
#define MMA_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define hold(what)                                                                                \
	do {                                                                                      \
		if (!(what)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The loader's files, of whatever name, are the input's, by --wrap. */
FILE *__wrap_fopen(const char *name, const char *mode);
FILE *__real_fopen(const char *name, const char *mode);

/* An input of two texts, a NUL between them. The first is a copy, to be freed,
 * the second becomes the file that is opened next. */
char *split_input(const uint8_t *data, size_t size);

#endif
