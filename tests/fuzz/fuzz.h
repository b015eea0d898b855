/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by all fuzz targets. A property that does not hold ends the process, and
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

/* With --wrap, every file that the loader opens is the input's, whatever its name. */
FILE *__wrap_fopen(const char *name, const char *mode);
FILE *__real_fopen(const char *name, const char *mode);

/* Splits an input into two texts at a NUL. The first one is a copy, which the caller
 * frees; the second one becomes the content of the file that is opened next. */
char *split_input(const uint8_t *data, size_t size);

#endif
