// SPDX-License-Identifier: GPL-2.0-only
#include "measure.h"

#include <stdio.h>
#include <time.h>

double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void say(const char *what, const char *variant, double value)
{
	printf("%s\t%s\t%.3f\n", what, variant, value);
	fflush(stdout);
}
