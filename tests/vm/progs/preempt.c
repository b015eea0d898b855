/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * preempt SECONDS: creates TCP sockets in tasks that preempt each other within
 * socket(2), on one CPU: one task runs all the time, and one of real-time priority
 * wakes at intervals of its own. Prints how many sockets each created, and for how many
 * SO_PROTOCOL was not MPTCP.
 */
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct counts {
	unsigned long made, tcp;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void make_socket(struct counts *counts)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), protocol;
	socklen_t len = sizeof(protocol);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		die("socket");
	close(fd);
	counts->made++;
	counts->tcp += protocol != IPPROTO_MPTCP;
}

static void make_at_random_times(struct counts *counts)
{
	const struct sched_param priority = { .sched_priority = 1 };
	struct timespec pause = { 0 };

	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		die("sched_setscheduler");
	for (;;) {
		pause.tv_nsec = 100000 + random() % 400000;
		nanosleep(&pause, NULL);
		make_socket(counts);
	}
}

int main(int argc, char **argv)
{
	struct counts *counts =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	cpu_set_t first;
	pid_t child;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (counts == MAP_FAILED || sched_setaffinity(0, sizeof(first), &first))
		die("preparation");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		make_at_random_times(&counts[1]);
	while (time(NULL) < end)
		make_socket(&counts[0]);
	if (kill(child, SIGKILL) || waitpid(child, NULL, 0) != child)
		die("the other task");
	for (int i = 0; i < 2; i++)
		printf("%lu %lu\n", counts[i].made, counts[i].tcp);
	return 0;
}
