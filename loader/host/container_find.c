// SPDX-License-Identifier: GPL-2.0-only
#include "host/container_find.h"
#include "host/cgroup.h"
#include "host/cgroup_find.h"
#include "host/container.h"
#include "host/run.h"
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The characters that engines accept in a name. Ids and names of units have no others. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

struct search {
	const char *id; /* as from container_of_path() */
	size_t mount; /* length of the mount point's path */
	char *found;
	size_t size;
};

/* A cgroup_is_it_fn: a container may have cgroups of its own below the one that we want. */
static bool is_its_cgroup(const char *dir, void *data)
{
	const struct search *search = data;
	struct container_name name;

	return container_of_path(dir + search->mount, &name) && !strcmp(name.id, search->id) &&
	       snprintf(search->found, search->size, "%s", dir) < (int)search->size;
}

/* Asks the engines for the id of the container with this name; false if none knows it. Does not
 * ask Docker if it is not running: its socket would start it. */
static bool ask_engines(const char *name, char *ret_id, size_t size)
{
	static const struct {
		char *program;
		const char *runs; /* a file that exists while it runs */
	} engines[] = { { "docker", "/run/docker.pid" }, { "podman", "/" } };

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		char *const args[] = { engines[i].program, "container",	 "inspect", "--format",
				       "{{.Id}}",	   (char *)name, NULL };

		if (access(engines[i].runs, F_OK) || run_program(args, ret_id, size))
			continue;
		ret_id[strcspn(ret_id, "\n")] = '\0';
		return true;
	}
	return false;
}

int container_find(const char *word, char *ret_dir, size_t size, bool *ret_found)
{
	char dir[2 * PATH_MAX], id[CONTAINER_ID_SIZE];
	struct search search = { .id = id, .found = ret_dir, .size = size };
	struct mount mount;
	struct stat st;
	int err = cgroup_mount(&mount);

	*ret_found = false;
	if (err)
		return err;
	if (!isalnum(word[0]) || strlen(word) >= sizeof(id) || !strcmp(word, "self") ||
	    word[strspn(word, NAME_CHARACTERS)])
		return 0;
	snprintf(dir, sizeof(dir), "%s/%s", mount.point, word);
	if (!stat(dir, &st))
		return 0;
	search.mount = strlen(mount.point);
	container_short_id(word, id);
	*ret_found = cgroup_search(mount.point, is_its_cgroup, &search);
	if (*ret_found || !ask_engines(word, dir, sizeof(dir)))
		return 0;
	container_short_id(dir, id);
	*ret_found = cgroup_search(mount.point, is_its_cgroup, &search);
	return *ret_found ? 0 : fault(ESRCH, "container %s: does not run; start it first", word);
}
