/* SPDX-License-Identifier: GPL-2.0-only */
/* Every header shape that strip may meet: the input, and the required output. */
#ifndef MMA_SHAPES_H
#define MMA_SHAPES_H

#include "packets.h"
#include "verdicts.h"

struct fixture {
	const char *name;
	struct shape shape;
	enum verdict verdict;
	const char *out; /* the TCP options of the output; NULL: nothing changes */
};

extern const struct fixture fixtures[];
extern const unsigned int n_fixtures;

#endif
