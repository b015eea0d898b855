// SPDX-License-Identifier: GPL-2.0-only
#include "host/netstat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long long sysctl_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long long number = -1;
	char line[32];

	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file))
		number = strtoll(line, NULL, 10);
	fclose(file);
	return number;
}

/* Each first line has the names, the next one the values. */
long long netstat_mptcp(const char *name)
{
	char names[8192], values[8192], *n, *v, *save_n = NULL, *save_v = NULL;
	FILE *file = fopen("/proc/thread-self/net/netstat", "re");
	long long value = -1;

	if (!file)
		return -1;
	while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		if (strncmp(names, "MPTcpExt:", 9))
			continue;
		n = strtok_r(names, " \n", &save_n);
		v = strtok_r(values, " \n", &save_v);
		while (n && v && strcmp(n, name)) {
			n = strtok_r(NULL, " \n", &save_n);
			v = strtok_r(NULL, " \n", &save_v);
		}
		if (n && v)
			value = strtoll(v, NULL, 10);
	}
	fclose(file);
	return value;
}
