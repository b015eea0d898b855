// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_find.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool cgroup_is_unit(const char *name)
{
	static const char *const endings[] = { ".service", ".socket", ".scope" };
	size_t len = strlen(name);

	if (strchr(name, '/'))
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t end = strlen(endings[i]);

		if (len > end && !strcmp(name + len - end, endings[i]))
			return true;
	}
	return false;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Looks in dir and below it; skips paths that do not fit. */
static bool find_in(const char *dir, const char *name, char *ret, size_t size)
{
	struct dirent *entry;
	bool found = false;
	DIR *d;

	if (snprintf(ret, size, "%s/%s", dir, name) >= (int)size)
		return false;
	if (is_dir(ret))
		return true;
	d = opendir(dir);
	while (d && !found && (entry = readdir(d))) {
		char below[PATH_MAX];

		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, "..") &&
		    snprintf(below, sizeof(below), "%s/%s", dir, entry->d_name) <
			    (int)sizeof(below))
			found = find_in(below, name, ret, size);
	}
	if (d)
		closedir(d);
	return found;
}

bool cgroup_find(const char *mount, const char *name, char *ret_path, size_t size)
{
	char first[PATH_MAX], found[PATH_MAX];

	snprintf(first, sizeof(first), "%s/system.slice", mount);
	if (!find_in(first, name, found, sizeof(found)) &&
	    !find_in(mount, name, found, sizeof(found)))
		return false;
	return snprintf(ret_path, size, "%s", found + strlen(mount)) < (int)size;
}
