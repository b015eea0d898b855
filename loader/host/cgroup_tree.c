// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_tree.h"
#include "host/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* Deeper cgroups have no path that fits in PATH_MAX. */
#define MAX_DEPTH (PATH_MAX / 2)

/* An open failed: 0 if the cgroup has gone meanwhile, else -errno. */
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

static int add_tree(int dir_fd, unsigned int depth, struct cgroup_tree *tree);

static int add_children(DIR *dir, unsigned int depth, struct cgroup_tree *tree)
{
	struct dirent *entry;
	int err = 0;

	while (!err && (entry = readdir(dir))) {
		int fd;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? unless_gone() : add_tree(fd, depth + 1, tree);
	}
	return err;
}

/* Closes dir_fd. The processes come first: one that moves into a new child meanwhile is found
 * there. */
static int add_tree(int dir_fd, unsigned int depth, struct cgroup_tree *tree)
{
	int err = add_pids(dir_fd, tree);
	struct stat st;
	DIR *dir;

	if (!err && fstat(dir_fd, &st))
		err = -errno;
	if (!err)
		err = add_id(tree, st.st_ino);
	/* kernfs counts a directory's subdirectories in its links, and has no others but the usual
	 * two (kernfs_refresh_inode). */
	if (err || st.st_nlink == 2 || depth == MAX_DEPTH) {
		close(dir_fd);
		return err;
	}
	dir = fdopendir(dir_fd);
	if (!dir) {
		close(dir_fd);
		return -ENOMEM;
	}
	err = add_children(dir, depth, tree);
	closedir(dir);
	return err;
}

/* Closes fd. */
static int read_tree(int fd, const char *dir, struct cgroup_tree *ret)
{
	int err = add_tree(fd, 0, ret);

	return err ? cgroup_unreadable(dir, -err) : 0;
}

int cgroup_tree_read_at(int dir_fd, const char *dir, struct cgroup_tree *ret)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	memset(ret, 0, sizeof(*ret));
	return fd < 0 ? cgroup_unreadable(dir, errno) : read_tree(fd, dir, ret);
}

int cgroup_tree_read(const char *dir, struct cgroup_tree *ret)
{
	uint64_t id;
	int fd, err = cgroup_open(dir, &fd, &id);

	memset(ret, 0, sizeof(*ret));
	return fd < 0 ? err : read_tree(fd, dir, ret);
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
