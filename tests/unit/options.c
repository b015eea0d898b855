// SPDX-License-Identifier: GPL-2.0-only
/* The walk over a header's options: every shape by hand, and random ones compared with
 * the reference. */
#include "suite.h"
#include "options_reference.h"
#include "random_options.h"

#include <ctype.h>
#include <string.h>

#define RANDOM_INPUTS 3000000

#define MSS "020405b4 "
#define SACK_OK "0402 "
#define TIMESTAMP "080a 00112233 44556677 "
#define WINDOW "030307 "
#define FAST_OPEN "220a 0102030405060708 "
#define NOP "01 "
#define END "00 "
#define SYN "1e04 0101 " /* MP_CAPABLE of a SYN: kind, length, subtype and version, flags */
#define SYNACK "1e0c 0101 0011223344556677 "
#define ACK20 "1e14 0101 0011223344556677 8899aabbccddeeff "
#define ACK22 "1e16 0101 0011223344556677 8899aabbccddeeff 0020 "
#define ACK24 "1e18 0101 0011223344556677 8899aabbccddeeff 0020 abcd "
#define JOIN12 "1e0c 1001 00112233 44556677 "
#define JOIN16 "1e10 1001 0011223344556677 8899aabb "
#define JOIN24 "1e18 1000 00112233445566778899aabbccddeeff 00112233 "
#define NOPS4 "01010101 "
#define NOPS12 NOPS4 NOPS4 NOPS4
#define NOPS20 NOPS12 NOPS4 NOPS4
#define SAME NULL

static const struct row {
	const char *name, *in, *out;
} rows[] = {
	{ "no option", "", SAME },
	{ "end alone", END, SAME },
	{ "NOP alone", NOP, SAME },
	{ "40 NOPs", NOPS20 NOPS20, SAME },
	{ "plain TCP's SYN", MSS SACK_OK TIMESTAMP NOP WINDOW, SAME },
	{ "MP_CAPABLE of a SYN alone", SYN, NOPS4 },
	{ "MP_CAPABLE of a SYN-ACK alone", SYNACK, NOPS12 },
	{ "Linux's MPTCP SYN", MSS SACK_OK TIMESTAMP NOP WINDOW SYN,
	  MSS SACK_OK TIMESTAMP NOP WINDOW NOPS4 },
	{ "Linux's MPTCP SYN-ACK", MSS SACK_OK TIMESTAMP NOP WINDOW SYNACK,
	  MSS SACK_OK TIMESTAMP NOP WINDOW NOPS12 },
	{ "20 bytes, of the third ACK", ACK20, NOPS20 },
	{ "22 bytes, with data", ACK22, NOPS20 "0101" },
	{ "24 bytes, with a checksum", ACK24, NOPS20 NOPS4 },
	{ "a length that no RFC has", "1e05 010101 " NOP, NOPS4 "0101" },
	{ "3 bytes: the shortest with a subtype", "1e03 01 " NOP, NOPS4 },
	{ "2 bytes: no subtype", "1e02 0101", SAME },
	{ "2 bytes, then what looks like a subtype 0", "1e02 00 " SYN, SAME },
	{ "another version", "1e04 0001 " NOP NOP, NOPS4 "0101" },
	{ "first", SYN MSS SACK_OK, NOPS4 MSS SACK_OK },
	{ "between others", MSS SYN SACK_OK, MSS NOPS4 SACK_OK },
	{ "behind NOPs", NOP NOP NOP SYN, "010101" NOPS4 },
	{ "at an odd offset", WINDOW SYN NOP, WINDOW NOPS4 NOP },
	{ "at an odd offset, 12 bytes", WINDOW SYNACK NOP, WINDOW NOPS12 NOP },
	{ "behind timestamps", TIMESTAMP SYN, TIMESTAMP NOPS4 },
	{ "behind SACK-permitted", SACK_OK SYN, SACK_OK NOPS4 },
	{ "behind a window scale", WINDOW SYN, WINDOW NOPS4 },
	{ "with a Fast Open cookie", MSS FAST_OPEN SYN SACK_OK, MSS FAST_OPEN NOPS4 SACK_OK },
	{ "an option that nobody knows before it", "fd05 1e0401 " SYN, "fd05 1e0401 " NOPS4 },
	{ "its bytes inside another option", "fd08 1e04 0101 1e04", SAME },
	{ "its bytes inside MP_JOIN", "1e0c 1000 1e04 0101 1e04 0101", SAME },
	{ "two of them", SYN SYN, NOPS4 NOPS4 },
	{ "two of them, others between", SYN MSS SYNACK SACK_OK, NOPS4 MSS NOPS12 SACK_OK },
	{ "MP_JOIN of a SYN", JOIN12, SAME },
	{ "MP_JOIN of a SYN-ACK", JOIN16, SAME },
	{ "MP_JOIN of an ACK", JOIN24, SAME },
	{ "MP_JOIN and MP_CAPABLE", JOIN12 SYN, JOIN12 NOPS4 },
	{ "MP_CAPABLE and MP_JOIN", SYN JOIN16, NOPS4 JOIN16 },
	{ "behind the end mark", END SYN, SAME },
	{ "behind others and the end mark", MSS END SYN, SAME },
	{ "before the end mark", SYN END, NOPS4 END },
	{ "an end mark among the bytes of an option", "fd04 0000 " SYN, "fd04 0000 " NOPS4 },
	{ "length 0", "1e00 0101 " SYN, SAME },
	{ "length 1", "1e01 0101 " SYN, SAME },
	{ "another option of length 0", "0200 " SYN, SAME },
	{ "another option of length 1", "0201 " SYN, SAME },
	{ "one found, then length 0", SYN "0200 " SYN, NOPS4 "0200 " SYN },
	{ "past the end by one", "1e05 0101", SAME },
	{ "far past the end", "1eff 0101", SAME },
	{ "another option past the end", "0205 0102", SAME },
	{ "one found, then one past the end", SYN "1e05 0101", NOPS4 "1e05 0101" },
	{ "cut off behind its kind", MSS "1e", SAME },
	{ "cut off behind its length", MSS "1e04", SAME },
	{ "cut off behind its subtype", MSS "1e04 01", SAME },
	{ "40 bytes: first and last", SYN NOPS20 NOPS4 NOPS4 NOPS4 SYN, NOPS20 NOPS20 },
	{ "40 bytes: 12 at the end", NOPS20 NOPS4 NOPS4 SYNACK, NOPS20 NOPS20 },
	{ "40 bytes in one option", "1e28 01" NOPS12 NOPS12 NOPS12 "01", NOPS20 NOPS20 },
	{ "40 bytes: a kind in the last one", NOPS20 NOPS12 NOPS4 "010101 1e", SAME },
	{ "40 bytes: kind and length in the last two", NOPS20 NOPS12 NOPS4 "0101 1e02", SAME },
	{ "40 bytes: 3 bytes at the end", NOPS20 NOPS12 NOPS4 "01 1e0301", NOPS20 NOPS20 },
	{ "40 bytes: past the end", NOPS20 NOPS12 "0101 1e0700010101", SAME },
};

static unsigned int read_hex(const char *text, unsigned char *ret)
{
	unsigned int n = 0, byte;

	for (; *text; text++) {
		if (isspace((unsigned char)*text))
			continue;
		assert_int_equal(sscanf(text++, "%2x", &byte), 1);
		assert_true(n < TCP_OPTIONS_MAX);
		ret[n++] = (unsigned char)byte;
	}
	return n;
}

/* The bytes after the options are rubbish, and must not matter. */
static void start(struct option_walk *walk, const unsigned char *in, unsigned int n)
{
	memset(walk, 0, sizeof(*walk));
	memset(walk->bytes, 0x1e, sizeof(walk->bytes));
	memcpy(walk->bytes, in, n);
	walk->size = n;
}

static void gives(void **state)
{
	const struct row *row = *state;
	unsigned char in[TCP_OPTIONS_MAX], out[TCP_OPTIONS_MAX];
	struct option_walk walk;
	unsigned int n = read_hex(row->in, in);
	bool found;

	assert_int_equal(read_hex(row->out ? row->out : row->in, out), n);
	start(&walk, in, n);
	found = walk_options(&walk);
	assert_memory_equal(walk.bytes, out, n);
	assert_int_equal(found, row->out ? 1 : 0);
	for (unsigned int i = n; i < TCP_OPTIONS_MAX; i++)
		assert_int_equal(walk.bytes[i], 0x1e);
	/* A second pass finds nothing to strip. */
	start(&walk, out, n);
	assert_false(walk_options(&walk));
	assert_memory_equal(walk.bytes, out, n);
}

static void other_subtypes(void **state)
{
	unsigned char option[] = { TCP_OPTION_MPTCP, 4, 0, 1 };
	struct option_walk walk;

	(void)state;
	for (int third = 0; third < 256; third++) {
		option[2] = (unsigned char)third;
		start(&walk, option, sizeof(option));
		assert_int_equal(walk_options(&walk), third < 0x10);
		assert_int_equal(walk.bytes[0], third < 0x10 ? TCP_OPTION_NOP : TCP_OPTION_MPTCP);
	}
}

static void other_kinds(void **state)
{
	unsigned char option[] = { 0, 4, 0, 1 };
	struct option_walk walk;

	(void)state;
	for (int kind = 0; kind < 256; kind++) {
		option[0] = (unsigned char)kind;
		start(&walk, option, sizeof(option));
		assert_int_equal(walk_options(&walk), kind == 30);
	}
}

static void every_place_and_length(void **state)
{
	unsigned char in[TCP_OPTIONS_MAX], want[TCP_OPTIONS_MAX];
	struct option_walk walk;

	(void)state;
	for (unsigned int n = 0; n <= TCP_OPTIONS_MAX; n++) {
		for (unsigned int at = 0; at + 3 <= n; at++) {
			for (unsigned int len = 0; len < 256; len++) {
				memset(in, TCP_OPTION_NOP, sizeof(in));
				in[at] = TCP_OPTION_MPTCP;
				in[at + 1] = (unsigned char)len;
				in[at + 2] = 0;
				memcpy(want, in, sizeof(in));
				if (len >= 3 && at + len <= n)
					memset(want + at, TCP_OPTION_NOP, len);
				start(&walk, in, n);
				assert_int_equal(walk_options(&walk), len >= 3 && at + len <= n);
				assert_memory_equal(walk.bytes, want, n);
			}
		}
	}
}

static void random_ones(void **state)
{
	unsigned char in[TCP_OPTIONS_MAX], want[TCP_OPTIONS_MAX];
	uint64_t seed = random_seed(), first = seed, stripped = 0;
	struct option_walk walk;

	(void)state;
	for (int i = 0; i < RANDOM_INPUTS; i++) {
		unsigned int n = random_options(&seed, in, 1);
		bool found;

		found = reference_strip(in, n, want);
		stripped += found;
		start(&walk, in, n);
		if (walk_options(&walk) != found || memcmp(walk.bytes, want, n)) {
			for (unsigned int k = 0; k < n; k++)
				tell_why("%02x %02x %02x", in[k], walk.bytes[k], want[k]);
			fail_because("MMA_SEED=%#llx, input %d: in, out, reference",
				     (unsigned long long)first, i);
		}
	}
	/* The generator must produce what the test is about. */
	assert_in_range(stripped, RANDOM_INPUTS / 10, RANDOM_INPUTS * 9 / 10);
	show("MMA_SEED=%#llx, %d inputs, %llu with MP_CAPABLE", (unsigned long long)first,
	     RANDOM_INPUTS, (unsigned long long)stripped);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, gives, rows);
	add_test(&suite, "no subtype but 0", other_subtypes, NULL);
	add_test(&suite, "no kind but 30", other_kinds, NULL);
	add_test(&suite, "every place, every length", every_place_and_length, NULL);
	add_test(&suite, "random options, as the reference", random_ones, NULL);
	return run_suite("options", &suite);
}
