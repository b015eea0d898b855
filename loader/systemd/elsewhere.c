// SPDX-License-Identifier: GPL-2.0-only
#include "systemd/elsewhere.h"
#include "host/cgroup.h"
#include "host/cgroup_path.h"
#include "host/cgroup_tree.h"
#include "host/listeners.h"
#include "host/netns.h"
#include "report.h"
#include "systemd/systemctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_interpreter(const char *binary)
{
	static const char *const names[] = { "sh",   "dash", "bash", "env",  "perl",	"python",
					     "ruby", "php",  "node", "java", "busybox", "true" };
	const char *name = strrchr(binary, '/') + 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		/* python3, perl5.36 */
		if (!strncmp(name, names[i], len) &&
		    name[len + strspn(name + len, "0123456789.")] == '\0')
			return true;
	}
	return false;
}

static bool runs(const char *pid, const char *binary)
{
	char link[300], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%s/exe", pid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return !strcmp(path, binary);
}

/* The cgroup of a process, cut after the service: "/a.slice/b.service". False if it is not in a
 * service. */
static bool service_of(const char *pid, char ret_path[PATH_MAX])
{
	char file[300], line[PATH_MAX];
	FILE *cgroups;
	char *end;

	snprintf(file, sizeof(file), "/proc/%s/cgroup", pid);
	cgroups = fopen(file, "re");
	ret_path[0] = '\0';
	while (cgroups && fgets(line, sizeof(line), cgroups))
		if (!strncmp(line, "0::/", 4))
			snprintf(ret_path, PATH_MAX, "%.*s", (int)strcspn(line + 3, "\n"),
				 line + 3);
	if (cgroups)
		fclose(cgroups);
	/* The outermost service: those of users and containers are below it. */
	end = strstr(ret_path, ".service");
	if (!end || (end[8] && end[8] != '/'))
		return false;
	end[8] = '\0';
	return strncmp(ret_path, "/user.slice/", 12) != 0;
}

static bool listens(const char *path)
{
	struct netns_set namespaces = { 0 };
	struct listeners listeners = { 0 };
	struct cgroup_tree tree = { 0 };
	struct cgroup cgroup;
	bool found;
	int err = cgroup_resolve(path + 1, &cgroup);

	if (!err)
		err = cgroup_tree_read(cgroup.dir, &tree);
	if (!err)
		err = netns_add_processes(&namespaces, &tree);
	if (!err)
		err = listeners_read(&namespaces, &tree, &listeners);
	if (err)
		fault_drop();
	found = listeners.n > 0;
	listeners_free(&listeners);
	netns_free(&namespaces);
	cgroup_tree_free(&tree);
	return found;
}

bool elsewhere_find(const struct unit *unit, char ret_name[UNIT_NAME_MAX])
{
	char *binary = realpath(unit->binary, NULL), path[PATH_MAX];
	DIR *proc = binary && !is_interpreter(binary) ? opendir("/proc") : NULL;
	struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc))) {
		const char *name;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !runs(entry->d_name, binary) || !service_of(entry->d_name, path))
			continue;
		name = strrchr(path, '/') + 1;
		if (!strcmp(name, unit->name) || !listens(path))
			continue;
		snprintf(ret_name, UNIT_NAME_MAX, "%.*s", UNIT_NAME_MAX - 1, name);
		found = true;
	}
	if (proc)
		closedir(proc);
	free(binary);
	return found;
}
