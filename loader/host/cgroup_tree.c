// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_tree.h"
#include "host/cgroup.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* An open failed: 0 if the cgroup is gone in the meantime, else -errno. */
static int unless_gone(void)
{
	return errno == ENOENT || errno == ENODEV ? 0 : -errno;
}

static int add_pids(int dir_fd, struct cgroup_tree *tree)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), err = 0;
	char line[32];
	FILE *file;

	if (fd < 0)
		return unless_gone();
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
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

static int add_tree(int dir_fd, struct cgroup_tree *tree);

static int add_child(int dir_fd, const char *name, struct cgroup_tree *tree)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return unless_gone();
	err = add_tree(fd, tree);
	close(fd);
	return err;
}

static int add_children(int dir_fd, struct cgroup_tree *tree)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	struct dirent *entry;
	DIR *d;

	if (fd < 0)
		return unless_gone();
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (!err && (entry = readdir(d)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, ".."))
			err = add_child(dir_fd, entry->d_name, tree);
	closedir(d);
	return err;
}

static int add_tree(int dir_fd, struct cgroup_tree *tree)
{
	struct stat st;
	int err = fstat(dir_fd, &st) ? -errno : 0;

	if (!err)
		err = add_id(tree, st.st_ino);
	if (!err)
		err = add_pids(dir_fd, tree);
	/* kernfs counts a directory's subdirectories in its links, and has no others but the usual
	 * two (kernfs_refresh_inode). */
	return err || st.st_nlink == 2 ? err : add_children(dir_fd, tree);
}

static int cannot_read(int err, const char *dir)
{
	return err ? fault(-err, "%s: cannot be read (%s); run as root", dir, strerror(-err)) : 0;
}

int cgroup_tree_read_at(int dir_fd, const char *dir, struct cgroup_tree *ret)
{
	memset(ret, 0, sizeof(*ret));
	return cannot_read(add_tree(dir_fd, ret), dir);
}

int cgroup_tree_read(const char *dir, struct cgroup_tree *ret)
{
	uint64_t id;
	int fd, err = cgroup_open(dir, &fd, &id);

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return cannot_read(err, dir);
	err = cgroup_tree_read_at(fd, dir, ret);
	close(fd);
	return err;
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
