/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * storm TASKS SECONDS [SYSCTL]: this many tasks create TCP sockets as fast as they can,
 * while 0 and 1 are written in turn to SYSCTL, a file. Prints how many sockets were
 * MPTCP and TCP, how often socket(2) failed with ENOPROTOOPT and with another error,
 * and how often 0 was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MADE_MPTCP, MADE_TCP, FAILED_ENOPROTOOPT, FAILED, FLIPPED, N_COUNTS };
static unsigned long *counts;

static void count(int which)
{
	__atomic_add_fetch(&counts[which], 1, __ATOMIC_RELAXED);
}

static void make_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), protocol;
	socklen_t len = sizeof(protocol);

	if (fd < 0) {
		count(errno == ENOPROTOOPT ? FAILED_ENOPROTOOPT : FAILED);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		protocol = -1;
	count(protocol == IPPROTO_MPTCP ? MADE_MPTCP : protocol == IPPROTO_TCP ? MADE_TCP : FAILED);
	close(fd);
}

static void flip(int fd)
{
	if (pwrite(fd, "0", 1, 0) != 1 || pwrite(fd, "1", 1, 0) != 1)
		exit(1);
	count(FLIPPED);
}

int main(int argc, char **argv)
{
	int tasks = argc > 2 ? atoi(argv[1]) : 0, fd = -1, status, rc = 0;
	time_t end = argc > 2 ? time(NULL) + atoi(argv[2]) : 0;

	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED || !tasks)
		return 2;
	if (argc > 3) {
		fd = open(argv[3], O_WRONLY);
		if (fd < 0)
			return 2;
	}
	for (int i = 0; i < tasks; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (pid)
			continue;
		while (time(NULL) < end)
			make_socket();
		_exit(0);
	}
	while (fd >= 0 && time(NULL) < end)
		flip(fd);
	while (wait(&status) > 0)
		rc |= status;
	for (int i = 0; i < N_COUNTS; i++)
		printf("%lu%c", counts[i], i + 1 < N_COUNTS ? ' ' : '\n');
	return !!rc;
}
