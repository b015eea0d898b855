// SPDX-License-Identifier: GPL-2.0-only
/* PATH of --cgroup, on a machine with these mounts and without directories. */
#include "fuzz.h"
#include "host/cgroup_path.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static bool at_work; /* the loader's code runs, not libFuzzer's */

int __real_stat(const char *name, struct stat *ret);
int __wrap_stat(const char *name, struct stat *ret);

int __wrap_stat(const char *name, struct stat *ret)
{
	if (!at_work)
		return __real_stat(name, ret);
	errno = ENOENT;
	return -1;
}

DIR *__real_opendir(const char *name);
DIR *__wrap_opendir(const char *name);

DIR *__wrap_opendir(const char *name)
{
	if (!at_work)
		return __real_opendir(name);
	errno = ENOENT;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cgroup cgroup;
	char *arg = split_input(data, size);
	int err;

	memset(&cgroup, 0xee, sizeof(cgroup));
	at_work = true;
	err = cgroup_resolve(arg, &cgroup);
	at_work = false;
	if (!err) {
		size_t len = strnlen(cgroup.key.path, MMA_PATH_SIZE);

		hold(len > 1 && len <= MMA_PATH_SIZE - 2);
		hold(strlen(cgroup.dir) < sizeof(cgroup.dir));
		for (size_t i = len; i < MMA_PATH_SIZE; i++)
			hold(!cgroup.key.path[i]);
		hold(cgroup_level_bit(&cgroup.key));
	}
	fault_drop();
	free(arg);
	return 0;
}
