// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_tree.h"
#include "host/cgroup.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Makes room for one more; the array doubles at 1, 2, 4, … entries. */
static void *grow(void *array, size_t n, size_t entry_size)
{
	return n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * entry_size);
}

static int add_id(struct cgroup_tree *tree, uint64_t id)
{
	uint64_t *ids = grow(tree->ids, tree->n_ids, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	tree->ids = ids;
	tree->ids[tree->n_ids++] = id;
	return 0;
}

static int add_pids(struct cgroup_tree *tree, const char *dir)
{
	char name[PATH_MAX];
	char line[32];
	FILE *file;
	int err = 0;

	if (snprintf(name, sizeof(name), "%s/cgroup.procs", dir) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	file = fopen(name, "re");
	if (!file)
		return 0; /* gone in the meantime */
	while (!err && fgets(line, sizeof(line), file)) {
		pid_t *pids = grow(tree->pids, tree->n_pids, sizeof(*pids));

		err = pids ? 0 : -ENOMEM;
		if (!err) {
			tree->pids = pids;
			tree->pids[tree->n_pids++] = (pid_t)strtol(line, NULL, 10);
		}
	}
	fclose(file);
	return err;
}

/* kernfs counts a directory's subdirectories in its links, and has no others but the usual two
 * (kernfs_refresh_inode). */
static bool has_children(const char *dir)
{
	struct stat stat;

	return lstat(dir, &stat) || stat.st_nlink != 2;
}

static int add_tree(const char *dir, struct cgroup_tree *tree)
{
	struct dirent *entry;
	uint64_t id;
	int err;
	DIR *d;

	err = cgroup_id(dir, &id);
	if (err || !id)
		return err;
	err = add_id(tree, id);
	if (!err)
		err = add_pids(tree, dir);
	if (err || !has_children(dir))
		return err;
	d = opendir(dir);
	if (!d)
		return 0; /* gone in the meantime */
	while (!err && (entry = readdir(d))) {
		char name[PATH_MAX];

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", dir, entry->d_name) < (int)sizeof(name))
			err = add_tree(name, tree);
	}
	closedir(d);
	return err;
}

int cgroup_tree_read(const char *dir, struct cgroup_tree *ret)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	err = add_tree(dir, ret);
	if (err)
		return fault(-err, "%s: cannot be read (%s); run as root", dir, strerror(-err));
	return 0;
}

void cgroup_tree_free(struct cgroup_tree *tree)
{
	free(tree->ids);
	free(tree->pids);
	memset(tree, 0, sizeof(*tree));
}

bool cgroup_tree_has(const struct cgroup_tree *tree, uint64_t id)
{
	for (size_t i = 0; i < tree->n_ids; i++)
		if (tree->ids[i] == id)
			return true;
	return false;
}
