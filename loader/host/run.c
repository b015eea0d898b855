// SPDX-License-Identifier: GPL-2.0-only
#include "host/run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Keeps what fits, but reads to the end: the writer must not find the pipe closed. */
static void read_to_end(int fd, char *ret_text, size_t size)
{
	char rest[4096];
	size_t used = 0;
	ssize_t len;

	do {
		bool fits = used + 1 < size;

		len = fits ? read(fd, ret_text + used, size - 1 - used)
			   : read(fd, rest, sizeof(rest));
		if (fits && len > 0)
			used += (size_t)len;
	} while (len > 0 || (len < 0 && errno == EINTR));
	ret_text[used] = '\0';
}

int run_program(char *const args[], char *ret_text, size_t size)
{
	posix_spawn_file_actions_t actions;
	int pipes[2] = { -1, -1 }, status = 0, err;
	pid_t pid;

	if (ret_text && pipe2(pipes, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	if (ret_text) {
		posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	}
	err = posix_spawnp(&pid, args[0], &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret_text) {
		close(pipes[1]);
		read_to_end(pipes[0], ret_text, size);
		close(pipes[0]);
	}
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
