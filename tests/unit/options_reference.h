/* SPDX-License-Identifier: GPL-2.0-only */
/* What option_walk_step() must do, written in another way: option by option and about
 * one byte, while the walk goes byte by byte. For the unit tests, the fuzzer and the
 * proof. */
#ifndef MMA_OPTIONS_REFERENCE_H
#define MMA_OPTIONS_REFERENCE_H

#include "tcp_options.h"
#include <stdbool.h>

/* The option at `at`: its length, or 0 if the options end there. *ret_mp_capable:
 * whether it is MP_CAPABLE. */
static inline unsigned int option_at(const unsigned char *o, unsigned int n, unsigned int at,
				     bool *ret_mp_capable)
{
	unsigned int len;

	*ret_mp_capable = false;
	if (at >= n || o[at] == TCP_OPTION_END)
		return 0;
	if (o[at] == TCP_OPTION_NOP)
		return 1;
	len = at + 1 < n ? o[at + 1] : 0;
	if (len < 2 || len > n - at)
		return 0;
	*ret_mp_capable =
		o[at] == TCP_OPTION_MPTCP && len > 2 && o[at + 2] >> 4 == MPTCP_MP_CAPABLE;
	return len;
}

/* Whether byte j belongs to an MP_CAPABLE option. *ret_any: whether any byte does. */
static inline bool in_mp_capable(const unsigned char *o, unsigned int n, unsigned int j,
				 bool *ret_any)
{
	bool in = false, mp_capable;
	unsigned int len;

	*ret_any = false;
	for (unsigned int at = 0; (len = option_at(o, n, at, &mp_capable)); at += len) {
		*ret_any = *ret_any || mp_capable;
		in = in || (mp_capable && at <= j && j < at + len);
	}
	return in;
}

/* Removes MP_CAPABLE from the options. True if there was one. */
static inline bool reference_strip(const unsigned char *o, unsigned int n, unsigned char *ret_o)
{
	bool any = false;

	for (unsigned int j = 0; j < n; j++)
		ret_o[j] = in_mp_capable(o, n, j, &any) ? TCP_OPTION_NOP : o[j];
	return any;
}

/* The walk as bpf_loop() drives it. True if it found MP_CAPABLE. */
static inline bool walk_options(struct option_walk *walk)
{
	for (unsigned int at = 0; at < TCP_OPTIONS_MAX; at++)
		if (option_walk_step(walk, at) == WALK_DONE)
			break;
	return walk->found;
}

#endif
