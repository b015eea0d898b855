/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * killat N COMMAND...: runs a command and kills it on entry to its Nth system call,
 * counting from 1. Exit: 0 killed there, 1 the command ended before.
 * killat 0 COMMAND...: runs it to its end without its output, and prints each system
 * call on a line: number and three arguments. For bpf(2) the first argument is the
 * command.
 * failat ERRNO N COMMAND...: (the same program under another name) makes its Nth system
 * call fail, counted likewise. Exit: the command's, 99 if it made fewer calls, or 128
 * plus the signal that ended it.
 * failat ERRNO PROGRAM COMMAND...: makes every load of the BPF program of this name
 * fail.
 *
 * This is what strace --inject does, but cheaper: under emulation every stop of the
 * traced process takes a millisecond. So read(2) and pread64(2) are not counted. A
 * process killed in one of them leaves the same state as one killed at the next call,
 * and the loader reads the kernel's type information in twelve hundred pieces.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int failing; /* errno; 0: kill */

/* A child that the command forks inherits the filter but is not traced, so each call
 * that the filter would trace fails. With a program's name, therefore, only bpf(2) is
 * traced. */
static int filter(int bpf_alone)
{
	struct sock_filter all_but_reads[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	struct sock_filter bpf[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	struct sock_fprog program = { 5, all_but_reads };

	if (bpf_alone)
		program = (struct sock_fprog){ 4, bpf };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static pid_t start(char **command, int quiet, int bpf_alone)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	if (quiet)
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP) || filter(bpf_alone))
		_exit(127);
	execvp(command[0], command);
	_exit(127);
}

/* On a single processor a stop is a context switch, not an interrupt to the other processor. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
}

static struct __ptrace_syscall_info call_of(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) < 0)
		die("PTRACE_GET_SYSCALL_INFO");
	return info;
}

static int is_load_of(pid_t pid, const char *program)
{
	struct __ptrace_syscall_info info = call_of(pid);
	char name[BPF_OBJ_NAME_LEN] = "";
	struct iovec here = { name, sizeof(name) };
	struct iovec there = { (char *)(uintptr_t)info.seccomp.args[1] +
				       offsetof(union bpf_attr, prog_name),
			       sizeof(name) };

	return info.seccomp.args[0] == BPF_PROG_LOAD &&
	       process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(name) &&
	       !strncmp(name, program, sizeof(name) - 1);
}

static void print_call(pid_t pid)
{
	struct __ptrace_syscall_info info = call_of(pid);

	printf("%ju %ju %ju %ju\n", (uintmax_t)info.seccomp.nr, (uintmax_t)info.seccomp.args[0],
	       (uintmax_t)info.seccomp.args[1], (uintmax_t)info.seccomp.args[2]);
}

/* Skips the call; it returns -errno. */
#ifdef __aarch64__
static void skip_call(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec vector = { &regs, sizeof(regs) };
	int none = -1;

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &vector))
		die("PTRACE_GETREGSET");
	regs.regs[0] = (unsigned long long)-failing;
	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &vector))
		die("PTRACE_SETREGSET");
	vector = (struct iovec){ &none, sizeof(none) };
	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &vector))
		die("NT_ARM_SYSTEM_CALL");
}
#elif defined(__s390x__)
/* The register of the number is that of the result, which is -ENOSYS for a number of no call, and
 * can be set where the call ends. */
static void skip_call(pid_t pid)
{
	void *number = (void *)offsetof(struct user, regs.gprs[2]);
	int status;

	if (ptrace(PTRACE_POKEUSER, pid, number, (void *)0xffff) ||
	    ptrace(PTRACE_SYSCALL, pid, 0, 0))
		die("PTRACE_POKEUSER");
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("waitpid");
	if (ptrace(PTRACE_POKEUSER, pid, number, (void *)-(long)failing))
		die("PTRACE_POKEUSER");
}
#else
static void skip_call(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		die("PTRACE_GETREGS");
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)-failing;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs))
		die("PTRACE_SETREGS");
}
#endif

/* Except calls that cannot fail: _exit(2), and brk(2), which returns the current break. */
static void fail_call(pid_t pid)
{
	uint64_t number = call_of(pid).seccomp.nr;

	if (number != SYS_exit_group && number != SYS_brk)
		skip_call(pid);
}

int main(int argc, char **argv)
{
	unsigned long n = 0, at;
	int status, signal = 0;
	const char *program;
	char *name, *end;
	pid_t pid;

	name = strrchr(argv[0], '/');
	if (!strcmp(name ? name + 1 : argv[0], "failat") && argc > 1) {
		failing = atoi(argv[1]);
		argv++;
		argc--;
	}
	if (argc < 3)
		return 2;
	at = strtoul(argv[1], &end, 10);
	program = *end ? argv[1] : NULL;
	stay_on_one_cpu();
	pid = start(argv + 2, !at && !program, program != NULL);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("waitpid");
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL))
		die("PTRACE_SETOPTIONS");
	for (;;) {
		if (ptrace(PTRACE_CONT, pid, 0, signal) && errno != ESRCH)
			die("PTRACE_CONT");
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid");
		if (WIFEXITED(status) && failing)
			return n < at ? 99 : WEXITSTATUS(status);
		if (WIFSIGNALED(status) && failing)
			return 128 + WTERMSIG(status);
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return 1;
		signal = 0;
		if (status >> 8 != (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			if (WSTOPSIG(status) != SIGTRAP) /* execve(2) */
				signal = WSTOPSIG(status);
			continue;
		}
		n++;
		if (!at && !program)
			print_call(pid);
		if (program ? !is_load_of(pid, program) : n != at)
			continue;
		if (failing) {
			fail_call(pid);
			continue;
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
}
