/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * killat N COMMAND...: runs a command and kills it as it enters its Nth system
 * call, counting from 1. Exit: 0 killed there, 1 it ended by itself before.
 * killat 0 COMMAND...: lets it run and prints each system call on a line of its
 * own: number, and three arguments, of bpf(2) the first of which is the command.
 *
 * What strace --inject does, without its cost: under emulation it decodes for
 * ten seconds what takes the command half of one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
			_exit(127);
		execvp(command[0], command);
		_exit(127);
	}
	return pid;
}

/* The system call that the child is about to enter; false on its way out. */
static int entering(pid_t pid, struct ptrace_syscall_info *info)
{
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(*info), info) < 0)
		die("PTRACE_GET_SYSCALL_INFO");
	return info->op == PTRACE_SYSCALL_INFO_ENTRY;
}

int main(int argc, char **argv)
{
	struct ptrace_syscall_info info;
	unsigned long n = 0, at;
	int status, signal = 0;
	pid_t pid;

	if (argc < 3)
		return 2;
	at = strtoul(argv[1], NULL, 10);
	pid = start(argv + 2);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("waitpid");
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		die("PTRACE_SETOPTIONS");
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, signal) && errno != ESRCH)
			die("PTRACE_SYSCALL");
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid");
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return 1;
		signal = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			if (WSTOPSIG(status) != SIGTRAP) /* execve(2) */
				signal = WSTOPSIG(status);
			continue;
		}
		if (!entering(pid, &info))
			continue;
		n++;
		if (!at)
			printf("%llu %llu %llu %llu\n", info.entry.nr, info.entry.args[0],
			       info.entry.args[1], info.entry.args[2]);
		if (n != at)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
}
