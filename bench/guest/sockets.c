// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of one socket(2), in instructions, in a guest that counts them: there the
 * time stamp counter is that count (tests/vm/run --icount). Elsewhere it is time.
 *
 *   sockets CGROUP FAMILY TYPE PROTOCOL     CGROUP: a directory to enter first
 *
 * Prints the best of many for each of some rounds, without the cost of counting itself,
 * and then SO_PROTOCOL of the sockets.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS 3
#define SOCKETS 300 /* per round; slab pages and RCU disturb some of them */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void enter(const char *cgroup)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static unsigned long long best(int family, int type, int protocol)
{
	unsigned long long before, after, least = ~0ULL;
	int fd;

	for (int i = 0; i < SOCKETS; i++) {
		before = __rdtsc();
		fd = socket(family, type, protocol);
		after = __rdtsc();
		if (fd < 0)
			die("socket");
		close(fd);
		if (after - before < least)
			least = after - before;
	}
	return least;
}

static unsigned long long counting(void)
{
	unsigned long long before = __rdtsc();

	return __rdtsc() - before;
}

static int protocol_of(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol), made;
	socklen_t size = sizeof(made);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &made, &size))
		die("SO_PROTOCOL");
	close(fd);
	return made;
}

int main(int argc, char **argv)
{
	int family, type, protocol;

	if (argc != 5) {
		fprintf(stderr, "usage: sockets CGROUP FAMILY TYPE PROTOCOL\n");
		return 2;
	}
	enter(argv[1]);
	family = atoi(argv[2]);
	type = atoi(argv[3]);
	protocol = atoi(argv[4]);
	best(family, type, protocol); /* warms up */
	for (int i = 0; i < ROUNDS; i++)
		printf("%llu ", best(family, type, protocol) - counting());
	printf("%d\n", protocol_of(family, type, protocol));
	return 0;
}
