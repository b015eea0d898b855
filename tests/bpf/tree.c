// SPDX-License-Identifier: GPL-2.0-only
#include "tree.h"
#include "host/cgroup.h"
#include "suite.h"
#include "host/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[PATH_MAX]; /* the cgroup in which this process started, from the root */

static void find_home(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3))
			snprintf(home, sizeof(home), "%s", line + 3);
	}
	fclose(file);
}

void tree_begin(struct tree *ret)
{
	struct mount mount;
	bool found;

	if (mount_of_type("cgroup2", &mount, &found) || !found)
		skip_because("no cgroup2 is mounted");
	if (strcmp(mount.root, "/"))
		skip_because("not all of cgroup2 is mounted");
	strcpy(ret->mount, mount.point);
	snprintf(ret->top, sizeof(ret->top), "/mma-test-%d", getpid());
	find_home();
	tree_make(ret, ret->top);
}

static int remove_dir(const char *name, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	return type == FTW_DP ? rmdir(name) : 0; /* a cgroup's files are removed with it */
}

void tree_end(const struct tree *tree)
{
	char name[2 * PATH_MAX];

	snprintf(name, sizeof(name), "%s%s", tree->mount, tree->top);
	nftw(name, remove_dir, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *dir_of(const struct tree *tree, const char *path)
{
	static char name[2 * PATH_MAX];

	snprintf(name, sizeof(name), "%s%s", tree->mount, path);
	return name;
}

uint64_t tree_make(const struct tree *tree, const char *path)
{
	const char *name = dir_of(tree, path);
	uint64_t id;

	if (mkdir(name, 0755))
		fail_because("%s: %s", name, strerror(errno));
	assert_int_equal(cgroup_id(name, &id), 0);
	return id;
}

void tree_remove(const struct tree *tree, const char *path)
{
	const char *name = dir_of(tree, path);

	if (rmdir(name))
		fail_because("%s: %s", name, strerror(errno));
}

void tree_enter(const struct tree *tree, const char *path)
{
	char name[3 * PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%s/cgroup.procs", dir_of(tree, path ? path : home));
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail_because("%s: %s", name, strerror(errno));
	close(fd);
}
