// SPDX-License-Identifier: GPL-2.0-only
/*
 * For CBMC: the walk over one option, anywhere in any header of up to 40 bytes of
 * options. By induction over the options this proves the walk over the header:
 *
 * - It starts at byte 0 with left == 0.
 * - From an option's first byte with left == 0, whatever wipe and found are from
 *   earlier options, it passes exactly the bytes of the option that the reference finds
 *   there, and reaches the next option's first byte with left == 0; or it is done,
 *   where the reference says that the options end.
 * - At each option it changes no bytes except that option's own, and those only if it
 *   is MP_CAPABLE.
 *
 * An option has at least one byte, so the walk ends.
 */
#include "options_reference.h"

/* AT: the first byte of the option. A constant, for the solver's sake: one run for each
 * value. */

unsigned char nondet_uchar(void);
unsigned int nondet_uint(void);

int main(void)
{
	unsigned char before[TCP_OPTIONS_MAX];
	unsigned int n = nondet_uint(), at = AT, j = nondet_uint(), len, earlier;
	struct option_walk walk;
	bool mp_capable, mine;

	__CPROVER_assume(n <= TCP_OPTIONS_MAX && at < TCP_OPTIONS_MAX && j < TCP_OPTIONS_MAX);
	for (unsigned int i = 0; i < TCP_OPTIONS_MAX; i++)
		before[i] = walk.bytes[i] = nondet_uchar();
	walk.size = n;
	walk.left = 0;
	walk.wipe = nondet_uint();
	walk.found = earlier = nondet_uint();
	len = option_at(before, n, at, &mp_capable);

	if (!len)
		__CPROVER_assert(option_walk_step(&walk, at) == WALK_DONE, "done where they end");
	for (unsigned int k = 0; k < len; k++) {
		__CPROVER_assert(k == 0 || walk.left == len - k, "it knows what is left");
		__CPROVER_assert(option_walk_step(&walk, at + k) == WALK_ON, "on to the end of it");
	}

	mine = mp_capable && at <= j && j < at + len;
	__CPROVER_assert(walk.left == 0, "at the next option's first byte");
	__CPROVER_assert(mine || walk.bytes[j] == before[j], "nothing else changes");
	__CPROVER_assert(!mine || walk.bytes[j] == TCP_OPTION_NOP, "all of it becomes NOPs");
	__CPROVER_assert(!walk.found == !(earlier || mp_capable), "it says whether it found one");
	__CPROVER_assert(walk.size == n, "the size stays");
	return 0;
}
