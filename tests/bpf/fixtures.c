// SPDX-License-Identifier: GPL-2.0-only
/* Runs every header shape through strip's packet code in the kernel, as a frame and as
 * a packet without Ethernet: exact bytes, valid checksum. And through strip itself,
 * where the socket of a test run belongs to nobody. */
#include "suite.h"
#include "object.h"
#include "shapes.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>

static struct bpf_object *fixture_object, *product_object;

/* `from`: in a run without Ethernet the kernel clears that header. */
static void check(const char *program, const struct fixture *row, uint32_t from)
{
	struct packet in, out, want;
	struct shape shape = row->shape;
	uint32_t verdict;

	packet_build(&shape, &in);
	if (row->out)
		shape.options = row->out;
	packet_build(&shape, &want);
	verdict = run_on_packet(program_fd(fixture_object, program), &in, &out);
	if (verdict != row->verdict)
		fail_because("%s: verdict %u, not %u", program, verdict, row->verdict);
	assert_int_equal(out.size, want.size);
	for (uint32_t i = from; i < want.size; i++)
		if (out.bytes[i] != want.bytes[i])
			fail_because("%s: byte %u is %02x, not %02x; TCP starts at %u", program, i,
				     out.bytes[i], want.bytes[i], in.tcp);
	if (row->out) {
		assert_true(packet_is_valid(&in));
		assert_true(packet_is_valid(&out));
	}
}

static void comes_out_as(void **state)
{
	need_bpf();
	if (!fixture_object)
		fixture_object = load_fixture();
	check("fixture_frame", *state, 0);
	check("fixture_packet", *state, ETHERNET_SIZE);
}

/* The checksum is updated, not computed: a wrong one stays wrong by the same amount. */
static void wrong_checksum_stays_wrong(void **state)
{
	struct packet in, out;
	uint16_t before, after;

	(void)state;
	need_bpf();
	if (!fixture_object)
		fixture_object = load_fixture();
	packet_build(&fixtures[0].shape, &in);
	memcpy(&before, in.bytes + in.tcp + 16, 2);
	in.bytes[in.tcp + 16] ^= 0x40;
	assert_false(packet_is_valid(&in));
	assert_int_equal(run_on_packet(program_fd(fixture_object, "fixture_frame"), &in, &out),
			 VERDICT_STRIPPED);
	assert_false(packet_is_valid(&out));
	memcpy(&after, out.bytes + out.tcp + 16, 2);
	assert_int_not_equal(before, after);
}

/* For a socket that belongs to no service it returns TCX_NEXT and changes nothing. */
static void strip_leaves_nobodys(void **state)
{
	struct packet in, out;

	(void)state;
	need_bpf();
	if (!product_object)
		product_object = load_product();
	for (unsigned int i = 0; i < n_fixtures; i++) {
		packet_build(&fixtures[i].shape, &in);
		assert_int_equal(run_on_packet(program_fd(product_object, "strip"), &in, &out),
				 (uint32_t)TCX_NEXT);
		assert_int_equal(out.size, in.size);
		assert_memory_equal(out.bytes, in.bytes, in.size);
	}
	show("%u shapes", n_fixtures);
}

int main(void)
{
	static struct suite suite;
	int failed;

	for (unsigned int i = 0; i < n_fixtures; i++)
		add_test(&suite, fixtures[i].name, comes_out_as, &fixtures[i]);
	add_test(&suite, "a wrong checksum stays wrong", wrong_checksum_stays_wrong, NULL);
	add_test(&suite, "strip leaves nobody's packets alone", strip_leaves_nobodys, NULL);
	failed = run_suite("fixtures", &suite);
	bpf_object__close(fixture_object);
	bpf_object__close(product_object);
	return failed;
}
