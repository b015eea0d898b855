// SPDX-License-Identifier: GPL-2.0-only
#include "host/socket_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_socket(int dir_fd, const char *name, const char *wanted)
{
	char target[64];
	ssize_t len = readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (len < 0)
		return false;
	target[len] = '\0';
	return !strcmp(target, wanted);
}

static bool has_socket(pid_t pid, const char *wanted)
{
	char path[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	fd = dirfd(dir);
	while (fd >= 0 && !found && (entry = readdir(dir)))
		found = is_socket(fd, entry->d_name, wanted);
	closedir(dir);
	return found;
}

static void read_command(pid_t pid, char *ret_command, size_t size)
{
	char path[64], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(line, sizeof(line), file))
		snprintf(ret_command, size, "%.*s", (int)strcspn(line, "\n"), line);
	fclose(file);
}

void socket_command(const struct cgroup_tree *tree, uint32_t inode, char *ret_command, size_t size)
{
	char wanted[64];

	ret_command[0] = '\0';
	snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	for (size_t i = 0; i < tree->n_pids && !ret_command[0]; i++)
		if (has_socket(tree->pids[i], wanted))
			read_command(tree->pids[i], ret_command, size);
}
