// SPDX-License-Identifier: GPL-2.0-only
/*
 * strip COPIES ROUNDS PAIRS: what strip adds to a packet, compared with a program that
 * returns TCX_NEXT at once. Prints "what<TAB>variant<TAB>value" for each round, in
 * nanoseconds; in a guest whose clock counts instructions these are instructions.
 *
 * A packet passes COPIES of a program, so that the cost of one stands out: the sum
 * divided by their number. BPF_PROG_TEST_RUN would give its packet a closed dummy
 * socket, as if it were not TCP's; so this uses real connections. A SYN can be stripped
 * only once: its time comes from the kernel's own statistics of programs
 * (BPF_ENABLE_STATS), minus that of the empty program.
 */
#include "abi.h"
#include "measure.h"
#include "place.h"
#include "throughput.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MPTCP 262
#define MAX_COPIES 62 /* of one program on a hook: BPF_MPROG_MAX is 64 */
#define PORT 2525
#define TEST_RUNS 20000
#define PACKETS 2000
#define SYNS 200
#define MAX_DEVICES 1000

static int copies, rounds;
static int empties[MAX_COPIES], strips[MAX_COPIES];
static struct strip_maps maps;

static void allow(uint16_t port, uint8_t roles)
{
	if (bpf_map_update_elem(maps.ports, &port, &roles, BPF_ANY))
		err(1, "ports");
}

static void forget(uint16_t port)
{
	bpf_map_delete_elem(maps.ports, &port);
}

static void set_up(void)
{
	const struct mma_service_ref service = { .slot = 0 };
	const struct mma_meta meta = { .abi = MMA_ABI, .levels = 1 << 2, .strip_levels = 1 << 2 };
	const struct rlimit files = { 4 * MAX_DEVICES, 4 * MAX_DEVICES }; /* one per link */
	const uint32_t zero = 0;
	uint64_t id;

	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "RLIMIT_NOFILE");
	for (int i = 0; i < copies; i++) {
		empties[i] = load_empty();
		strips[i] = load_strip(&maps);
	}
	id = cgroup_begin();
	atexit(cgroup_end);
	if (bpf_map_update_elem(maps.cgroups, &id, &service, BPF_ANY) ||
	    bpf_map_update_elem(maps.meta, &zero, &meta, BPF_ANY))
		err(1, "maps");
	place_begin();
	for (int i = 0; i < copies; i++) {
		attach(empties[i], "u1");
		attach(strips[i], "u2");
		attach(empties[i], "t1");
		attach(strips[i], "t2");
	}
	drop_at("pu0");
	drop_at("pu1");
	drop_at("pu2");
	drop_at("ps0");
	attach(strips[0], "s0");
	attach(empties[0], "s0");
}

static void test_run(int prog, const char *variant)
{
	static unsigned char udp[64] = { [12] = 8, [14] = 0x45, [23] = IPPROTO_UDP };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = udp, .data_size_in = sizeof(udp),
		    .repeat = TEST_RUNS);

	if (bpf_prog_test_run_opts(prog, &opts))
		err(1, "BPF_PROG_TEST_RUN");
	say("test_run", variant, opts.duration);
}

/* A socket of this family and type; connected to PEER's listener or, for datagrams, to
 * nobody. */
static int socket_to(int type, int protocol, const char *address, int listener)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	struct sockaddr *to = family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t len = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
	int fd = socket(family, type | SOCK_CLOEXEC, protocol), one = 1;

	inet_pton(family, address,
		  family == AF_INET6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
	if (fd < 0)
		err(1, "socket");
	if (listener && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
			 bind(fd, to, len) || listen(fd, 8)))
		err(1, "%s: listen", address);
	if (!listener && connect(fd, to, len) && errno != EINPROGRESS)
		err(1, "%s: connect", address);
	return fd;
}

static void udp_round(const int *sockets)
{
	for (int v = NONE; v < N_VARIANTS; v++) {
		double begin = cpu_time();

		for (int i = 0; i < PACKETS; i++)
			if (send(sockets[v], "x", 1, 0) != 1)
				err(1, "send");
		say("udp", variant_names[v], (cpu_time() - begin) / PACKETS);
	}
}

/* Packets that HERE has sent through the device. */
static double sent_by(const char *device)
{
	FILE *file = fopen("/proc/thread-self/net/dev", "re");
	unsigned long packets;
	char line[512], name[16];
	double found = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %15[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", name,
			   &packets) == 2 &&
		    !strcmp(name, device))
			found = (double)packets;
	if (file)
		fclose(file);
	if (found < 0)
		errx(1, "%s: no counters", device);
	return found;
}

struct pair {
	int client, server;
};

static struct pair tcp_pair(const char *address)
{
	struct pair p;
	int listener, one = 1;

	place_go(PEER);
	listener = socket_to(SOCK_STREAM, 0, address, 1);
	place_go(HERE);
	p.client = socket_to(SOCK_STREAM, 0, address, 0);
	p.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p.server < 0 || setsockopt(p.client, SOL_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    setsockopt(p.server, SOL_TCP, TCP_NODELAY, &one, sizeof(one)))
		err(1, "%s: connection", address);
	close(listener);
	return p;
}

/* There and back. Divides by the packets that HERE has sent, because an ACK may travel
 * alone. */
static void tcp_round(const char *what, const struct pair *pairs)
{
	char byte = 'x', device[8];

	for (int v = NONE; v < N_VARIANTS; v++) {
		double packets, begin;

		snprintf(device, sizeof(device), "t%d", v);
		packets = sent_by(device);
		begin = cpu_time();
		for (int i = 0; i < PACKETS; i++)
			if (send(pairs[v].client, &byte, 1, 0) != 1 ||
			    recv(pairs[v].server, &byte, 1, 0) != 1 ||
			    send(pairs[v].server, &byte, 1, 0) != 1 ||
			    recv(pairs[v].client, &byte, 1, 0) != 1)
				err(1, "%s: exchange", device);
		begin = cpu_time() - begin;
		say(what, variant_names[v], begin / (sent_by(device) - packets));
	}
}

struct run_time {
	double ns, n;
};

static struct run_time run_time(int prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(prog, &info, &len))
		err(1, "program");
	return (struct run_time){ (double)info.run_time_ns, (double)info.run_cnt };
}

static void say_run_time(const char *what, const char *variant, int prog, struct run_time before)
{
	struct run_time after = run_time(prog);
	double n = after.n - before.n;

	if (n < SYNS || n > SYNS * 1.1) /* allows for some of the kernel's own */
		errx(1, "%s: %.0f packets instead of %d", what, n, SYNS);
	say(what, variant, (after.ns - before.ns) / n);
}

/* SYNs that nobody answers; both programs see each of them. */
static void syn_round(const char *what, int protocol)
{
	struct run_time strip = run_time(strips[0]), empty = run_time(empties[0]);

	for (int i = 0; i < SYNS; i++)
		close(socket_to(SOCK_STREAM | SOCK_NONBLOCK, protocol, "10.3.0.2", 0));
	say_run_time(what, "strip", strips[0], strip);
	say_run_time(what, "empty", empties[0], empty);
}

static void syn_rounds(const char *suffix)
{
	char on[64], off[64];

	snprintf(on, sizeof(on), "syn_on%s", suffix);
	snprintf(off, sizeof(off), "syn_off%s", suffix);
	for (int i = 0; i < rounds; i++) {
		allow(PORT, MMA_ROLE_CONNECT);
		syn_round(on, MPTCP);
		forget(PORT);
		syn_round(off, MPTCP);
		if (!*suffix)
			syn_round("syn_plain", 0);
	}
}

/* The cost with lists of several sizes, including the server's port. */
static void list_growth(void)
{
	static const int sizes[] = { 8, 64, 1024, 8192, 65535 };
	char suffix[32];
	int n = 1;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (; n < sizes[i]; n++) /* 1 to 65535 without PORT; 0 is all ports */
			allow((uint16_t)(n < PORT ? n : n + 1), MMA_ROLE_CONNECT);
		snprintf(suffix, sizeof(suffix), ":list:%d", sizes[i]);
		syn_rounds(suffix);
	}
	for (n = 1; n < 65536; n++)
		forget((uint16_t)n);
}

static void interface_growth(void)
{
	char suffix[32], device[16];

	syn_rounds(":interfaces:1");
	for (int from = 1, to = 10; to <= MAX_DEVICES; from = to + 1, to *= 10) {
		place_add_devices(from, to);
		for (int i = from; i <= to; i++) {
			snprintf(device, sizeof(device), "x%d", i);
			attach(strips[0], device);
		}
		snprintf(suffix, sizeof(suffix), ":interfaces:%d", to);
		syn_rounds(suffix);
	}
}

static void measure_data(void)
{
	struct pair v4[N_VARIANTS], v6[N_VARIANTS];
	int udp[N_VARIANTS];
	char address[64];

	for (int v = NONE; v < N_VARIANTS; v++) {
		snprintf(address, sizeof(address), "10.1.%d.2", v);
		udp[v] = socket_to(SOCK_DGRAM, 0, address, 0);
		snprintf(address, sizeof(address), "10.2.%d.2", v);
		v4[v] = tcp_pair(address);
		snprintf(address, sizeof(address), "fd00:2:%d::2", v);
		v6[v] = tcp_pair(address);
	}
	for (int i = -1; i < rounds; i++) {
		if (i < 0)
			printf("warm\n"); /* lines before the last such line do not count */
		test_run(empties[0], "empty");
		test_run(strips[0], "strip");
		udp_round(udp);
		tcp_round("tcp4", v4);
		tcp_round("tcp6", v6);
		if (i < 0)
			printf("measured\n");
	}
}

int main(int argc, char **argv)
{
	cpu_set_t one;
	int stats;

	copies = argc == 4 ? atoi(argv[1]) : 0;
	rounds = argc == 4 ? atoi(argv[2]) : 0;
	if (copies < 1 || copies > MAX_COPIES || rounds < 1)
		errx(2, "usage: strip COPIES ROUNDS PAIRS");
	set_up();
	if (atoi(argv[3]))
		throughput(strips[0], atoi(argv[3]));
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	measure_data();
	cgroup_enter(1);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		err(1, "BPF_ENABLE_STATS");
	syn_rounds("");
	list_growth();
	interface_growth();
	close(stats);
	return 0;
}
