// SPDX-License-Identifier: GPL-2.0-only
#include "host/socket_owner.h"

#include <dirent.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* The same capabilities as in bpf/upgrade.bpf.c. */
#define MAY_BIND (1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW)

static bool is_of_our_users(pid_t pid)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return !stat("/proc/self/ns/user", &own) && !stat(path, &other) &&
	       own.st_ino == other.st_ino;
}

/* If a process has changed its credentials since its exec(2), the kernel gives its /proc/PID
 * files to root (commit_creds, task_dump_owner). This tells a daemon that bound as root and
 * then became another user from one that never was root. */
static enum socket_right right_of(pid_t pid)
{
	unsigned long long permitted = 0;
	unsigned long uid = 0;
	char path[64], line[256], *ids;
	struct stat st;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return SOCKET_RIGHT_UNKNOWN;
	if (fstat(fileno(file), &st)) {
		fclose(file);
		return SOCKET_RIGHT_UNKNOWN;
	}
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Uid:", 4)) {
			strtoul(line + 4, &ids, 10); /* the real uid */
			uid = strtoul(ids, NULL, 10);
		} else if (!strncmp(line, "CapPrm:", 7)) {
			permitted = strtoull(line + 7, NULL, 16);
		}
	}
	fclose(file);
	if ((permitted & MAY_BIND) || !is_of_our_users(pid))
		return SOCKET_RIGHT_NOW;
	return st.st_uid == uid ? SOCKET_RIGHT_NEVER : SOCKET_RIGHT_ONCE;
}

enum socket_right socket_right(const struct cgroup_tree *tree, uint32_t inode)
{
	enum socket_right best = SOCKET_RIGHT_UNKNOWN, one;
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	for (size_t i = 0; i < tree->n_pids && best != SOCKET_RIGHT_NOW; i++) {
		if (!has_socket(tree->pids[i], wanted))
			continue;
		one = right_of(tree->pids[i]);
		best = one > best ? one : best;
	}
	return best;
}
