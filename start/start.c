// SPDX-License-Identifier: GPL-2.0-only
/*
 * mptcp-mail-attach-start UNIT COMMAND [ARGUMENT]...
 *
 * Runs the command of a drop-in, and ends within 12 seconds whatever happens to
 * it, so that the server starts. Of a unit with a short TimeoutStartSec= it takes
 * half at most: systemd is asked for that only where the command takes its time,
 * and so a template's instance and a later change of the unit are respected.
 *
 * timeout(1) would wait for what it has killed, and a process that waits in the
 * kernel (for a disk, for a file server) cannot be killed. This one goes on
 * without it. It is small, for it runs in the service's own cgroup, whose memory
 * may be little.
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
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME "mptcp-mail-attach-start"
#define BOUND_MS 11500
#define ASK_AFTER_MS 500

/* Of the exit codes that timeout(1) and shells use. */
enum { EXIT_TIMED_OUT = 124, EXIT_NOT_RUN = 127, EXIT_SIGNAL = 128 };

struct command {
	const char *name;
	pid_t pid;
	int fd; /* readable once it has ended */
};

/* The question to systemd, and its answer so far. */
struct question {
	int fd; /* -1: not asked, or answered */
	char text[256];
	size_t len;
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* It dies with us: systemd may end this start at any time. For the memory and time that
 * the command takes, it leaves the service's cgroup; what its "self" means, it is told. */
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
	ret->fd = ret->pid < 0 ? -1 : pidfd_open(ret->pid, 0);
	if (ret->fd < 0) {
		dprintf(STDERR_FILENO,
			NAME ": %s: cannot be run (%s); the server starts without it\n", args[0],
			strerror(errno));
		return -1;
	}
	setpgid(ret->pid, ret->pid); /* whichever of the two comes first */
	return 0;
}

/* systemctl needs more memory than this cgroup may have. */
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

/* What may be used of the start, from what systemctl printed. */
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

/* The command and all that it started. */
static void end(const struct command *command, int signal)
{
	kill(-command->pid, signal);
	kill(command->pid, signal);
}

/* Says so, and sends the signal of each stage; false after the last one. */
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

/* Whether it has ended within its time, or soon after it was told to. */
static int supervise(const struct command *command, const char *unit, int *ret_stage)
{
	struct question question = { .fd = -1 };
	long begin_ms = now_ms(), bound = BOUND_MS;
	int asked = 0;

	for (*ret_stage = 0;;) {
		/* Told to end, killed, left alone. */
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
