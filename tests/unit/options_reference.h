/* SPDX-License-Identifier: GPL-2.0-only */
/* What option_walk_step() must do, said another way: by options, not by bytes.
 * For the unit tests, the fuzzer and the proof. */
#ifndef MMA_OPTIONS_REFERENCE_H
#define MMA_OPTIONS_REFERENCE_H

#include "tcp_options.h"
#include <stdbool.h>

static inline bool reference_strip(unsigned char *o, unsigned int n)
{
	unsigned int i, k, len;
	bool found = false;

	for (i = 0; i < n && o[i] != TCP_OPTION_END; i += len) {
		len = o[i] == TCP_OPTION_NOP ? 1 : i + 1 < n ? o[i + 1] : 0;
		if (!len || (len < 2 && o[i] != TCP_OPTION_NOP) || len > n - i)
			break;
		if (o[i] != TCP_OPTION_MPTCP || len < 3 || o[i + 2] >> 4 != MPTCP_MP_CAPABLE)
			continue;
		for (k = 0; k < len; k++)
			o[i + k] = TCP_OPTION_NOP;
		found = true;
	}
	return found;
}

/* The walk as bpf_loop() drives it. True where it found MP_CAPABLE. */
static inline bool walk_options(struct option_walk *walk)
{
	for (unsigned int at = 0; at < TCP_OPTIONS_MAX; at++)
		if (option_walk_step(walk, at) == WALK_DONE)
			break;
	return walk->found;
}

#endif
