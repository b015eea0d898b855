/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks over the options of a TCP header and removes MP_CAPABLE. Only this code
 * changes packets. Plain C: the programs and the host's tests share it.
 */
#ifndef MMA_TCP_OPTIONS_H
#define MMA_TCP_OPTIONS_H

#define TCP_OPTIONS_MAX 40 /* a header of at most 60 bytes, less the 20 fixed ones */

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MPTCP 30 /* RFC 8684, section 3 */
#define MPTCP_MP_CAPABLE 0 /* subtype: upper 4 bits of the third byte */

struct option_walk {
	unsigned int size; /* bytes in use, at most TCP_OPTIONS_MAX */
	unsigned int left; /* bytes left of the current option */
	unsigned int wipe; /* whether the current option is MP_CAPABLE */
	unsigned int found; /* whether there was an MP_CAPABLE */
	/* The options, in and out. Last, so that tests/proof detects an overrun. */
	unsigned char bytes[TCP_OPTIONS_MAX];
};

enum { WALK_ON = 0, WALK_DONE = 1 };

/*
 * Call it for each byte, 0 to TCP_OPTIONS_MAX - 1, until WALK_DONE. MP_CAPABLE becomes
 * NOPs; MP_JOIN (subtype 1) and everything else stay. The walk ends where the kernel's
 * parser does (tcp_parse_options): at the end-of-options mark, at a length below 2,
 * and at an option that runs past the end. It steps by byte and not by option, so that
 * the verifier has only one step to check.
 */
static inline int option_walk_step(struct option_walk *walk, unsigned int at)
{
	unsigned int size;

	if (at >= walk->size || at >= TCP_OPTIONS_MAX)
		return WALK_DONE;
	if (!walk->left) {
		if (walk->bytes[at] == TCP_OPTION_END)
			return WALK_DONE;
		if (walk->bytes[at] == TCP_OPTION_NOP)
			return WALK_ON;
		if (at + 1 >= walk->size || at + 1 >= TCP_OPTIONS_MAX)
			return WALK_DONE;
		size = walk->bytes[at + 1];
		if (size < 2 || at + size > walk->size)
			return WALK_DONE;
		walk->left = size;
		walk->wipe = walk->bytes[at] == TCP_OPTION_MPTCP && size > 2 &&
			     at + 2 < TCP_OPTIONS_MAX &&
			     walk->bytes[at + 2] >> 4 == MPTCP_MP_CAPABLE;
		walk->found |= walk->wipe;
	}
	if (walk->wipe)
		walk->bytes[at] = TCP_OPTION_NOP;
	walk->left--;
	return WALK_ON;
}

#endif
