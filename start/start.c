// SPDX-License-Identifier: GPL-2.0-only
/*
 * mptcp-mail-attach-start UNIT COMMAND [ARGUMENT]...
 *
 * Runs the command of a drop-in, and always ends within 12 seconds, so that the
 * server starts. If the unit has a short TimeoutStartSec=, it takes at most half of
 * it. It asks systemd for that value at run time, which respects template instances
 * and later changes of the unit, and only if the command is slow.
 *
 * timeout(1) would wait for the process that it killed, but a process that waits in
 * the kernel (for a disk or a file server) cannot be killed. This program continues
 * without it. It is small because it runs in the service's own cgroup, which may
 * have little memory.
 */
#include "host/leave.h"
#include "systemd/timespan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME "mptcp-mail-attach-start"
#define BOUND_MS 11500
#define ASK_AFTER_MS 500

/* As timeout(1) and shells use them. */
enum { EXIT_TIMED_OUT = 124, EXIT_NOT_RUN = 127, EXIT_SIGNAL = 128 };

struct command {
	const char *name;
	pid_t pid;
	int fd; /* pidfd: readable once the command has ended */
};

/* The query to systemd, and its answer so far. */
struct question {
	int fd; /* -1: not asked yet, or already answered */
	char text[256];
	size_t len;
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The child dies with us, because systemd may abort this start at any time. It leaves
 * the service's cgroup, whose memory and CPU time are for the server. SELF_PID tells the
 * command whose cgroup "self" is. */
static void run_in_child(pid_t parent, char **args)
{
	char pid[32];

	setpgid(0, 0);
	snprintf(pid, sizeof(pid), "%d", parent);
	setenv(SELF_PID, pid, 1);
	leave_cgroup();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NOT_RUN);
	execv(args[0], args);
	dprintf(STDERR_FILENO, NAME ": %s: cannot be run (%s); the server starts without it\n",
		args[0], strerror(errno));
	_exit(EXIT_NOT_RUN);
}

static int begin(char **args, struct command *ret)
{
	pid_t parent = getpid();

	ret->name = args[0];
	ret->pid = fork();
	if (!ret->pid)
		run_in_child(parent, args);
	/* Not pidfd_open(): glibc has it only since 2.36, and musl lacks it. */
	ret->fd = ret->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, ret->pid, 0);
	if (ret->fd < 0) {
		dprintf(STDERR_FILENO,
			NAME ": %s: cannot be run (%s); the server starts without it\n", args[0],
			strerror(errno));
		return -1;
	}
	setpgid(ret->pid, ret->pid); /* the child does the same: either may run first */
	return 0;
}

/* Starts systemctl outside this cgroup, which may have too little memory for it. */
static void ask(const char *unit, struct question *question)
{
	char *const args[] = { "systemctl",  "show",
			       "--property", "TimeoutStartUSec,TimeoutUSec",
			       "--",	     (char *)unit,
			       NULL };
	char *const no_environment[] = { NULL };
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (leave_cgroup() || null < 0 || dup2(pipes[1], STDOUT_FILENO) < 0 ||
		    dup2(null, STDERR_FILENO) < 0)
			_exit(EXIT_NOT_RUN);
		execve("/usr/bin/systemctl", args, no_environment);
		execve("/bin/systemctl", args, no_environment);
		_exit(EXIT_NOT_RUN);
	}
	close(pipes[1]);
	question->fd = pipes[0];
	if (pid < 0) {
		close(question->fd);
		question->fd = -1;
	}
}

/* How long the command may take, in ms, from systemctl's output. */
static long bound_of(const char *text)
{
	const char *value = strchr(text, '=');
	char line[64];
	unsigned int ms;

	if (!value)
		return BOUND_MS;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(value + 1, "\n"), value + 1);
	ms = timespan_ms(line);
	return ms / 2 < BOUND_MS ? ms / 2 : BOUND_MS;
}

static void read_answer(struct question *question, long *bound)
{
	size_t room = sizeof(question->text) - 1 - question->len;
	ssize_t len = read(question->fd, question->text + question->len, room);

	if (len > 0) {
		question->len += (size_t)len;
		return;
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(question->fd);
	question->fd = -1;
	*bound = bound_of(question->text);
}

/* Signals the command and everything that it started. */
static void end(const struct command *command, int signal)
{
	kill(-command->pid, signal);
	kill(command->pid, signal);
}

/* Reports a stage and sends its signal. False at the last stage. */
static int next_stage(const struct command *command, int stage, long bound)
{
	switch (stage) {
	case 0:
		dprintf(STDERR_FILENO,
			NAME
			": %s: not done after %ld.%ld s; ending it, so that the server can start\n",
			command->name, bound * 8 / 10 / 1000, bound * 8 / 10 % 1000 / 100);
		end(command, SIGTERM);
		return 1;
	case 1:
		dprintf(STDERR_FILENO, NAME ": %s: does not end; killing it\n", command->name);
		end(command, SIGKILL);
		return 1;
	default:
		dprintf(STDERR_FILENO,
			NAME
			": %s: waits in the kernel and cannot be killed; the server starts without it\n",
			command->name);
		return 0;
	}
}

/* Whether the command ended. *ret_stage: 0 in time, else the number of signals sent. */
static int supervise(const struct command *command, const char *unit, int *ret_stage)
{
	struct question question = { .fd = -1 };
	long begin_ms = now_ms(), bound = BOUND_MS;
	int asked = 0;

	for (*ret_stage = 0;;) {
		/* When the command is terminated, killed, abandoned. */
		const long stages[] = { bound * 8 / 10, bound * 95 / 100, bound };
		struct pollfd fds[] = { { .fd = command->fd, .events = POLLIN },
					{ .fd = question.fd, .events = POLLIN } };
		long passed = now_ms() - begin_ms, wait = stages[*ret_stage] - passed;

		if (!asked && passed >= ASK_AFTER_MS) {
			asked = 1;
			ask(unit, &question);
			continue;
		}
		if (wait <= 0) {
			if (!next_stage(command, (*ret_stage)++, bound))
				return 0;
			continue;
		}
		if (!asked && wait > ASK_AFTER_MS - passed)
			wait = ASK_AFTER_MS - passed;
		if (poll(fds, 2, (int)wait) < 0)
			continue;
		if (fds[0].revents)
			return 1;
		if (fds[1].revents)
			read_answer(&question, &bound);
	}
}

int main(int argc, char **argv)
{
	struct command command;
	int stage, status = 0;

	if (argc < 3 || argv[1][0] == '-') {
		dprintf(STDERR_FILENO, "usage: " NAME " UNIT COMMAND [ARGUMENT]...\n");
		return 2;
	}
	signal(SIGCHLD, SIG_DFL);
	if (begin(argv + 2, &command))
		return EXIT_NOT_RUN;
	if (!supervise(&command, argv[1], &stage))
		return EXIT_TIMED_OUT;
	waitpid(command.pid, &status, 0);
	if (stage)
		return EXIT_TIMED_OUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}
