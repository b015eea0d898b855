// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost COMMAND [ARG]...: runs it and prints its cost on fd 3: microseconds of processor
 * time, how many of these in user space, nanoseconds of wall time, peak memory in KiB.
 * It is a small program, because a child's peak starts at its parent's.
 */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long microseconds(const struct timeval *t)
{
	return t->tv_sec * 1000000LL + t->tv_usec;
}

int main(int argc, char **argv)
{
	long long begin = nanoseconds();
	struct rusage usage;
	int status;
	pid_t child = argc > 1 ? fork() : -1;

	if (!child) {
		close(3);
		execvp(argv[1], argv + 1);
		err(1, "%s", argv[1]);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child || status)
		errx(1, "%s: failed", argv[1]);
	begin = nanoseconds() - begin;
	dprintf(3, "%lld %lld %lld %ld\n",
		microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime),
		microseconds(&usage.ru_utime), begin, usage.ru_maxrss);
	return 0;
}
