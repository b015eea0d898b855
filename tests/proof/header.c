// SPDX-License-Identifier: GPL-2.0-only
/*
 * For CBMC: compares the walk over whole headers with the reference, for up to
 * PROOF_BYTES bytes of options, with any content there and after them. The check is
 * about one byte, which may be any. Doubling the bytes takes the solver eight times as
 * long: option.c proves the same for 40 bytes, by induction.
 */
#include "options_reference.h"

#ifndef PROOF_BYTES
#define PROOF_BYTES TCP_OPTIONS_MAX
#endif

unsigned char nondet_uchar(void);
unsigned int nondet_uint(void);

int main(void)
{
	unsigned char before[TCP_OPTIONS_MAX];
	unsigned int n = nondet_uint(), j = nondet_uint();
	struct option_walk walk = { 0 };
	bool mp_capable, any, found;

	__CPROVER_assume(n <= PROOF_BYTES && j < TCP_OPTIONS_MAX);
	for (unsigned int i = 0; i < TCP_OPTIONS_MAX; i++)
		before[i] = walk.bytes[i] = nondet_uchar();
	walk.size = n;
	mp_capable = in_mp_capable(before, n, j, &any);
	found = walk_options(&walk);

	__CPROVER_assert(found == any, "it finds MP_CAPABLE where there is one");
	__CPROVER_assert(mp_capable || walk.bytes[j] == before[j], "nothing else changes");
	__CPROVER_assert(!mp_capable || walk.bytes[j] == TCP_OPTION_NOP, "all of it becomes NOPs");
	__CPROVER_assert(j < n || walk.bytes[j] == before[j], "nothing behind the options changes");
	__CPROVER_assert(walk.size == n, "the size stays");
	return 0;
}
