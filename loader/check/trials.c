// SPDX-License-Identifier: GPL-2.0-only
/*
 * --check: whether the real programs load and attach, by doing it. Each trial
 * has maps of its own, which are empty: nobody is attached, no port is allowed,
 * and what the programs meet in that moment is not theirs. Links and programs
 * go with their descriptors; nothing is pinned.
 */
#include "check/parts.h"
#include "host/kernel.h"
#include "attached/programs.h"
#include "report.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOPBACK_IFINDEX 1
#define NO_NAMESPACE 255 /* exit code of the child that tries TCX */
#define MAX_PROGRAMS 4

#define SEE_LOG "run again with -vv, which shows libbpf's log"

/* What libbpf complained of first in a trial. */
static char complaint[256];
static bool complained;

struct trial {
	const char *programs[MAX_PROGRAMS + 1];
	int (*attach)(struct bpf_program *program);
};

static bool trial_has(const struct trial *trial, const char *name)
{
	for (const char *const *program = trial->programs; *program; program++)
		if (!strcmp(*program, name))
			return true;
	return false;
}

/* The first one says why; the others follow from it. */
static void keep_complaint(const char *warning)
{
	if (complained)
		return;
	complained = true;
	snprintf(complaint, sizeof(complaint), "%.*s", (int)strcspn(warning, "\n"), warning);
}

/* Loads those of the trial, or all if there is none. */
static int trial_load(const struct trial *trial, struct bpf_object *object)
{
	struct bpf_program *p;

	for (p = bpf_object__next_program(object, NULL); p; p = bpf_object__next_program(object, p))
		bpf_program__set_autoload(p, !trial || trial_has(trial, bpf_program__name(p)));
	return bpf_object__load(object);
}

static int trial_attach(const struct trial *trial, const struct bpf_object *object)
{
	struct bpf_program *p;
	int err = 0;

	for (p = bpf_object__next_program(object, NULL); p; p = bpf_object__next_program(object, p))
		if (!err && trial_has(trial, bpf_program__name(p)))
			err = trial->attach(p);
	return err;
}

/* All programs together where they load, which saves reading the kernel's types
 * for each; else NULL, and each trial loads its own. */
static struct mma *whole;
static struct bpf_object *whole_object;

static void load_whole(void)
{
	whole = programs_open(&whole_object);
	if (whole && !trial_load(NULL, whole_object))
		return;
	programs_free(whole);
	whole = NULL;
	fault_drop();
}

/* 0, or -errno with the operation that failed and the complaint. */
static int trial_run(const struct trial *trial, const char **ret_operation)
{
	struct bpf_object *object = NULL;
	struct mma *programs;
	int err;

	complained = false;
	snprintf(complaint, sizeof(complaint), "libbpf does not say why");
	*ret_operation = "attach";
	if (whole)
		return trial_attach(trial, whole_object);
	*ret_operation = "open";
	programs = programs_open(&object);
	if (!programs) {
		fault_drop();
		return -ENOMEM;
	}
	*ret_operation = "load";
	err = trial_load(trial, object);
	if (!err) {
		*ret_operation = "attach";
		err = trial_attach(trial, object);
	}
	programs_free(programs);
	return err;
}

static int attach_and_drop(struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach(program);
	int err = link ? 0 : -errno;

	bpf_link__destroy(link);
	return err;
}

static int run_locate(struct bpf_program *program)
{
	__u16 id;

	return programs_locate(bpf_program__fd(program), &id);
}

/* The child of attach_tcx(): 0, an errno, or NO_NAMESPACE. */
static int attach_tcx_here(int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = BPF_F_BEFORE);
	int fd;

	if (unshare(CLONE_NEWNET))
		return NO_NAMESPACE;
	fd = bpf_link_create(prog_fd, LOOPBACK_IFINDEX, BPF_TCX_EGRESS, &first);
	return fd < 0 ? -fd : 0;
}

/* On a loopback that no packet crosses: in a network namespace that ends with
 * the child. */
static int attach_tcx(struct bpf_program *program)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(attach_tcx_here(bpf_program__fd(program)));
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	if (!WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == NO_NAMESPACE ? -ENOSPC : -WEXITSTATUS(status);
}

/* Whether not even a program of two instructions may sit on a function of the
 * kernel: then it is not ours that is refused. */
static bool refuses_any_fentry(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = libbpf_find_vmlinux_btf_id(KERNEL_HOOK, BPF_TRACE_FENTRY), fd, link;

	if (id < 0)
		return false;
	opts.attach_btf_id = (__u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing,
			   sizeof(nothing) / sizeof(nothing[0]), &opts);
	if (fd < 0)
		return true;
	link = bpf_link_create(fd, 0, BPF_TRACE_FENTRY, NULL);
	close(fd);
	if (link < 0)
		return true;
	close(link);
	return false;
}

static void check_upgrade(struct checks *checks)
{
	static const struct trial trial = { { "upgrade", "upgrade_2" }, attach_and_drop };
	const char *operation;
	int err;

	err = trial_run(&trial, &operation);
	if (!err)
		check_ok(checks, "upgrade", "the program loads and attaches");
	else if (!kernel_has_trampolines())
		check_fail(checks, "upgrade", KERNEL_NEED_JIT,
			   KERNEL_HOOK ": " KERNEL_NO_TRAMPOLINES);
	else if (refuses_any_fentry())
		check_fail(
			checks, "upgrade",
			"use a kernel that allows fentry and fmod_ret programs (BPF trampolines), such as the distribution's own",
			KERNEL_HOOK
			": %s refused (%s), as is an empty fentry program: this kernel lets no BPF program sit on its functions",
			operation, strerror(-err));
	else
		check_fail(checks, "upgrade", SEE_LOG, KERNEL_HOOK ": %s failed (%s); %s",
			   operation, strerror(-err), complaint);
}

static void check_follow(struct checks *checks)
{
	static const struct trial trial = { { "follow_mkdir", "follow_rmdir" }, attach_and_drop };
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "follow", "the programs load and attach");
	else
		check_fail(checks, "follow", SEE_LOG,
			   "cgroup_mkdir, cgroup_rmdir: %s failed (%s); %s", operation,
			   strerror(-err), complaint);
}

static void check_strip(struct checks *checks)
{
	static const struct trial trial = { { "strip" }, attach_tcx };
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "tcx", "strip loads and attaches (TCX)");
	else if (err == -ENOSPC)
		check_warn(checks, "tcx", "see user.max_net_namespaces",
			   "not tried: no network namespace can be made for it");
	else if (err == -EINVAL && !strcmp(operation, "attach"))
		check_fail(checks, "tcx", "use Linux 6.6 or later",
			   "strip: attach failed (%s): this kernel has no TCX", strerror(-err));
	else
		check_fail(checks, "tcx", SEE_LOG, "strip: %s failed (%s); %s", operation,
			   strerror(-err), complaint);
}

/* On no cgroup: there is none that nobody is in, and none is made for this. */
static int load_only(struct bpf_program *program)
{
	(void)program;
	return 0;
}

static void check_repair(struct checks *checks)
{
	static const struct trial trial = {
		{ "repair_get", "repair_set", "repair_connect4", "repair_connect6" }, load_only
	};
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "repair", "the programs for socket options load");
	else
		check_warn(checks, "repair", SEE_LOG,
			   "some socket options fail on MPTCP, and stay so: %s failed (%s); %s",
			   operation, strerror(-err), complaint);
}

static void check_locate(struct checks *checks)
{
	static const struct trial trial = { { "locate" }, run_locate };
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "mptcp_state", "found in the kernel");
	else if (fault_remembered())
		check_fault(checks, "mptcp_state", CHECK_FAIL);
	else
		check_fail(checks, "mptcp_state", SEE_LOG, "the search for it: %s failed (%s); %s",
			   operation, strerror(-err), complaint);
}

/* Mail does without. */
static void check_account(struct checks *checks)
{
	static const struct trial trial = { { MMA_PIN_ACCOUNT_EVENT, MMA_PIN_ACCOUNT_EVENT_2,
					      MMA_PIN_ACCOUNT_ACCEPT, MMA_PIN_ACCOUNT_CONNECT },
					    attach_and_drop };
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "account", "the programs that count connections load and attach");
	else
		check_warn(checks, "account", SEE_LOG,
			   "connections will not be counted: %s failed (%s); %s", operation,
			   strerror(-err), complaint);
}

/* Mail does without this as well. */
static void check_watch(struct checks *checks)
{
	static const struct trial trial = { { MMA_PIN_WATCH_LIST, MMA_PIN_WATCH_LIST_2 },
					    attach_and_drop };
	const char *operation;
	int err = trial_run(&trial, &operation);

	if (!err)
		check_ok(checks, "list_watch",
			 "the programs that watch the allowlist load and attach");
	else
		check_warn(
			checks, "list_watch", SEE_LOG,
			"every socket of a service will be MPTCP, outgoing ones, too: %s failed (%s); %s",
			operation, strerror(-err), complaint);
}

void check_trials(struct checks *checks, const struct check_subject *subject)
{
	if (!subject->root) {
		check_warn(checks, "trial", "run as root",
			   "whether the programs load and attach is not tried");
		return;
	}
	if (!kernel_has_hook()) {
		check_warn(checks, "trial", "see hook",
			   "whether the other programs load and attach is not tried");
		return;
	}
	report_hear_libbpf(keep_complaint);
	load_whole();
	check_upgrade(checks);
	check_follow(checks);
	check_strip(checks);
	check_repair(checks);
	check_locate(checks);
	check_account(checks);
	check_watch(checks);
	programs_free(whole);
	report_hear_libbpf(NULL);
}
