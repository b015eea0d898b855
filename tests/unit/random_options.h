/* SPDX-License-Identifier: GPL-2.0-only */
/* Random TCP options: most of them valid, many almost valid. */
#ifndef MMA_RANDOM_OPTIONS_H
#define MMA_RANDOM_OPTIONS_H

#include "tcp_options.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* xorshift64* */
static inline uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dULL;
}

static inline unsigned int below(uint64_t *seed, unsigned int n)
{
	return (unsigned int)((next_random(seed) >> 33) % n);
}

/* MMA_SEED repeats a run; otherwise each seed is new. Never 0. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("MMA_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return given ? strtoull(given, NULL, 0) | 1
		     : ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) | 1;
}

/* Writes one option to o, which has room for n bytes; returns its length. */
static inline unsigned int random_option(uint64_t *seed, unsigned char *o, unsigned int n)
{
	static const unsigned char lengths[] = { 4, 12, 20, 22, 24, 8, 16, 3, 2 };
	unsigned int len = 1, what = below(seed, 16);

	o[0] = what < 4 ? TCP_OPTION_NOP : (unsigned char)next_random(seed);
	if (what == 4)
		o[0] = TCP_OPTION_END;
	if (what > 4)
		len = what < 8 ? 2 + below(seed, 10) : lengths[below(seed, sizeof(lengths))];
	if (what > 8)
		o[0] = TCP_OPTION_MPTCP;
	if (len > n)
		len = n;
	if (len > 1)
		o[1] = (unsigned char)len;
	for (unsigned int k = 2; k < len; k++)
		o[k] = (unsigned char)next_random(seed);
	if (len > 2 && what > 10) /* MP_CAPABLE often, MP_JOIN sometimes */
		o[2] = (unsigned char)(below(seed, 4) ? below(seed, 16) : 0x10 + below(seed, 16));
	return len;
}

/* Fills o. Returns the number of bytes, a multiple of `unit` up to TCP_OPTIONS_MAX. */
static inline unsigned int random_options(uint64_t *seed, unsigned char *o, unsigned int unit)
{
	unsigned int n = unit * (1 + below(seed, TCP_OPTIONS_MAX / unit)), at = 0;

	while (at < n)
		at += random_option(seed, o + at, n - at);
	for (unsigned int damage = below(seed, 8); damage > 5; damage--)
		o[below(seed, n)] = (unsigned char)below(seed, below(seed, 2) ? 4 : 256);
	return n;
}

#endif
