// SPDX-License-Identifier: GPL-2.0-only
/*
 * What strip leaves on the wire: packets that the kernel's own sockets send through a
 * device without Ethernet, whose other end the test holds. No other kernel behind the
 * device could repair anything.
 */
#include "suite.h"
#include "connection.h"
#include "object.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OURS_IPV4 "203.0.113.1"
#define THEIRS_IPV4 "203.0.113.2"
#define OURS_IPV6 "2001:db8:1::1"
#define OURS_IPV6_HEX "20010db8000100000000000000000001"
#define THEIRS_IPV6 "2001:db8:1::2"
#define THEIR_PORT 40000

#define LINUX "0204.... 0402080a ........ ........ 010303.. "
#define NOPS4 "01010101 "
#define MPC4 "1e040101"
#define MPC12 "1e0c0101 ........ ........"
#define RECORD_ROUTE "07070400 00000001" /* IPv4 option; the answer has it, too */

static const struct row {
	const char *name;
	int ip; /* 6, else 4 */
	bool service, client, on_the_list, syncookies, ip_options;
	const char *options; /* of the SYN or SYN-ACK on the wire */
} rows[] = {
	{ "SYN of a bystander", 4, .client = true, .options = LINUX MPC4 },
	{ "SYN, on the list", 4, .client = true, .service = true, .on_the_list = true,
	  .options = LINUX MPC4 },
	{ "SYN, off the list", 4, .client = true, .service = true, .options = LINUX NOPS4 },
	{ "SYN, IPv6, a bystander", 6, .client = true, .options = LINUX MPC4 },
	{ "SYN, IPv6, off the list", 6, .client = true, .service = true, .options = LINUX NOPS4 },
	{ "SYN-ACK of a bystander", 4, .options = LINUX MPC12 },
	{ "SYN-ACK, on the list", 4, .service = true, .on_the_list = true, .options = LINUX MPC12 },
	{ "SYN-ACK, off the list", 4, .service = true, .options = LINUX NOPS4 NOPS4 NOPS4 },
	{ "SYN-ACK, IPv4 options, a bystander", 4, .ip_options = true, .options = LINUX MPC12 },
	{ "SYN-ACK, IPv4 options, off the list", 4, .service = true, .ip_options = true,
	  .options = LINUX NOPS4 NOPS4 NOPS4 },
	{ "SYN-ACK, IPv6, off the list", 6, .service = true, .options = LINUX NOPS4 NOPS4 NOPS4 },
	{ "SYN-ACK, syncookie, a bystander", 4, .syncookies = true, .options = LINUX MPC12 },
	{ "SYN-ACK, syncookie, off the list", 4, .service = true, .syncookies = true,
	  .options = LINUX NOPS4 NOPS4 NOPS4 },
	{ "SYN-ACK, syncookie, IPv6, off the list", 6, .service = true, .syncookies = true,
	  .options = LINUX NOPS4 NOPS4 NOPS4 },
};

static struct rig rig;
static int tun = -1;

static void make_device(void)
{
	struct ifreq request = { .ifr_name = "wire", .ifr_flags = IFF_TUN | IFF_NO_PI };

	rig_go(HERE);
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tun < 0)
		skip_because("/dev/net/tun: %s", strerror(errno));
	if (ioctl(tun, TUNSETIFF, &request))
		fail_because("/dev/net/tun: %s", strerror(errno));
	if (system("ip addr add " OURS_IPV4 "/24 dev wire &&"
		   "ip addr add " OURS_IPV6 "/64 dev wire nodad && ip link set wire up"))
		fail_because("iproute2 cannot set up the device; its words: build/tests/*.stderr");
	rig_await(HERE, OURS_IPV6_HEX);
	rig_strip("wire");
}

static void begin(void)
{
	static enum { NEW, TRIED, READY } is;
	char left[PACKET_MAX];

	if (is == TRIED)
		skip_because("as the first one");
	if (is == NEW) {
		is = TRIED;
		rig_begin(&rig);
		make_device();
		is = READY;
	}
	rig_reset(&rig);
	while (read(tun, left, sizeof(left)) > 0)
		; /* of an earlier test */
}

/* The next SYN or SYN-ACK on the wire. */
static void read_syn(struct packet *ret)
{
	struct pollfd readable = { .fd = tun, .events = POLLIN };

	while (poll(&readable, 1, 5000) == 1) {
		ssize_t n = read(tun, ret->bytes, sizeof(ret->bytes));

		ret->size = n > 0 ? (uint32_t)n : 0;
		if (packet_read(ret, 0) && (ret->bytes[ret->tcp + 13] & SYN))
			return;
	}
	fail_because("no SYN on the wire");
}

/* The client's SYN, which nobody answers. */
static void get_syn(const struct row *row, struct packet *ret)
{
	int fd = tcp_begin_connect(row->ip == 6 ? THEIRS_IPV6 : THEIRS_IPV4, THEIR_PORT);

	tree_enter(&rig.tree, NULL);
	read_syn(ret);
	tcp_close(fd);
}

/* The answer to a SYN with all the options that Linux sends. */
static void get_synack(const struct row *row, struct packet *ret)
{
	const struct shape shape = {
		.ip = row->ip,
		.ip_options = row->ip_options ? 2 : 0,
		.options = "020405b4 0402080a 00000001 00000000 01030307 " MPC4,
	};
	const char *ours = row->ip == 6 ? OURS_IPV6 : OURS_IPV4;
	uint16_t port = 0;
	struct packet syn;
	int fd = tcp_listen(ours, &port);

	tree_enter(&rig.tree, NULL);
	if (row->on_the_list)
		rig_allow(&rig, port, MMA_ROLE_LISTEN);
	if (row->syncookies)
		rig_sysctl(HERE, "ipv4/tcp_syncookies", "2");
	packet_build(&shape, &syn);
	if (row->ip_options)
		read_hex(RECORD_ROUTE, syn.bytes + syn.ip + 20, 8);
	packet_route(&syn, row->ip == 6 ? THEIRS_IPV6 : THEIRS_IPV4, THEIR_PORT, ours, port);
	assert_int_equal(write(tun, syn.bytes + syn.ip, syn.size - syn.ip), syn.size - syn.ip);
	read_syn(ret);
	tcp_close(fd);
}

static void on_the_wire(void **state)
{
	const struct row *row = *state;
	char service[128], hex[2 * PACKET_MAX + 1];
	struct packet packet = { .size = 0 };

	begin();
	snprintf(service, sizeof(service), "%s/a/service", rig.tree.top);
	tree_enter(&rig.tree, row->service ? service : NULL);
	if (row->client && row->on_the_list)
		rig_allow(&rig, THEIR_PORT, MMA_ROLE_CONNECT);
	if (row->client)
		get_syn(row, &packet);
	else
		get_synack(row, &packet);
	for (uint32_t i = 0; i < packet.size; i++)
		sprintf(hex + 2 * i, "%02x", packet.bytes[i]);
	if (!packet_has_options(&packet, row->options))
		fail_because("options are not %s in %s", row->options, hex);
	if (!packet_is_valid(&packet))
		fail_because("wrong TCP checksum in %s", hex);
	assert_int_equal(packet.tcp > 20, row->ip == 6 || row->ip_options);
}

int main(void)
{
	static struct suite suite;
	int failed;

	add_table(&suite, on_the_wire, rows);
	failed = run_suite("wire", &suite);
	if (tun >= 0)
		close(tun);
	rig_end(&rig);
	return failed;
}
