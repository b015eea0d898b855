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

bool cgroup_search(const char *dir, cgroup_is_it_fn *is_it, void *data)
{
	struct dirent *entry;
	bool found = false;
	DIR *d;

	if (is_it(dir, data))
		return true;
	d = opendir(dir);
	while (d && !found && (entry = readdir(d))) {
		char below[PATH_MAX];

		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, "..") &&
		    snprintf(below, sizeof(below), "%s/%s", dir, entry->d_name) <
			    (int)sizeof(below))
			found = cgroup_search(below, is_it, data);
	}
	if (d)
		closedir(d);
	return found;
}

struct named {
	const char *name;
	char found[PATH_MAX];
};

/* A cgroup_is_it_fn: of the parent, so that of several the highest is found. */
static bool has_named(const char *dir, void *data)
{
	struct named *named = data;

	return snprintf(named->found, sizeof(named->found), "%s/%s", dir, named->name) <
		       (int)sizeof(named->found) &&
	       is_dir(named->found);
}

bool cgroup_find(const char *mount, const char *name, char *ret_path, size_t size)
{
	struct named named = { .name = name };
	char first[PATH_MAX];

	snprintf(first, sizeof(first), "%s/system.slice", mount);
	if (!cgroup_search(first, has_named, &named) && !cgroup_search(mount, has_named, &named))
		return false;
	return snprintf(ret_path, size, "%s", named.found + strlen(mount)) < (int)size;
}
