// SPDX-License-Identifier: GPL-2.0-only
/* Compares the option walk compiled for the host with the one in the kernel, on the
 * same random packets. */
#include "suite.h"
#include "object.h"
#include "options_reference.h"
#include "random_options.h"
#include "verdicts.h"

#include <string.h>

#define PACKETS 30000

static struct bpf_object *object;

/* A random shape around the options; the TCP header states their true length. */
static void random_shape(uint64_t *seed, struct shape *ret)
{
	static const char *const extensions[] = { "", "h", "r", "d", "hd", "Hr", "hrd", "RD" };

	*ret = (struct shape){
		.flags = below(seed, 2) ? SYN : SYN | ACK,
		.payload = (int)(below(seed, 4) ? 0 : below(seed, 100)),
	};
	if (below(seed, 2)) {
		ret->ip = 6;
		ret->extensions = extensions[below(seed, ARRAY_SIZE(extensions))];
	} else {
		ret->ip_options = (int)(below(seed, 2) ? 0 : below(seed, 11));
	}
}

static void tell_bytes(const char *what, const struct packet *packet)
{
	char hex[2 * PACKET_MAX + 1] = "";

	for (uint32_t i = 0; packet->tcp + i < packet->size; i++)
		sprintf(hex + 2 * i, "%02x", packet->bytes[packet->tcp + i]);
	tell_why("%s: %s", what, hex);
}

static void equal(void **state)
{
	uint64_t seed = random_seed(), first = seed;
	uint32_t stripped = 0;
	int fd;

	(void)state;
	need_bpf();
	object = load_fixture();
	fd = program_fd(object, "fixture_frame");
	for (int i = 0; i < PACKETS; i++) {
		struct option_walk walk = { 0 };
		struct packet in, out, want;
		struct shape shape;
		char hex[2 * TCP_OPTIONS_MAX + 1] = "";
		uint32_t verdict;

		walk.size = random_options(&seed, walk.bytes, 4);
		for (uint32_t k = 0; k < walk.size; k++)
			sprintf(hex + 2 * k, "%02x", walk.bytes[k]);
		random_shape(&seed, &shape);
		shape.options = hex;
		packet_build(&shape, &in);
		want = in;
		walk_options(&walk);
		memcpy(want.bytes + want.tcp + TCP_OPTIONS_AT, walk.bytes, walk.size);
		packet_checksum(&want);
		verdict = run_on_packet(fd, &in, &out);
		if (verdict != (walk.found ? VERDICT_STRIPPED : VERDICT_NO_MPC) ||
		    out.size != want.size || memcmp(out.bytes, want.bytes, want.size)) {
			tell_bytes("in", &in);
			tell_bytes("kernel", &out);
			tell_bytes("host", &want);
			fail_because("MMA_SEED=%#llx, packet %d, verdict %u",
				     (unsigned long long)first, i, verdict);
		}
		stripped += walk.found;
	}
	assert_in_range(stripped, PACKETS / 10, PACKETS * 9 / 10);
	show("MMA_SEED=%#llx, %d packets, %u stripped", (unsigned long long)first, PACKETS,
	     stripped);
}

int main(void)
{
	static struct suite suite;
	int failed;

	add_test(&suite, "the kernel's walk and the host's agree", equal, NULL);
	failed = run_suite("differential", &suite);
	bpf_object__close(object);
	return failed;
}
