// SPDX-License-Identifier: GPL-2.0-only
/*
 * --check: loads and attaches the real programs, to see whether that works. The maps are
 * not the pinned ones but empty: no service is attached and no port is allowed, so the
 * programs leave every socket and packet alone. Links and programs end with their
 * descriptors; nothing is pinned.
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
#define NO_NAMESPACE 255 /* exit code of attach_tcx()'s child */
#define MAX_PROGRAMS 4

#define SEE_LOG "run again with -vv, which shows libbpf's log"

enum trial_name {
	TRIAL_UPGRADE,
	TRIAL_FOLLOW,
	TRIAL_STRIP,
	TRIAL_REPAIR,
	TRIAL_LOCATE,
	TRIAL_ACCOUNT,
	TRIAL_WATCH,
	N_TRIALS,
};

static const char *const programs_of[N_TRIALS][MAX_PROGRAMS + 1] = {
	[TRIAL_UPGRADE] = { "upgrade", "upgrade_2" },
	[TRIAL_FOLLOW] = { "follow_mkdir", "follow_rmdir" },
	[TRIAL_STRIP] = { "strip" },
	[TRIAL_REPAIR] = { "repair_get", "repair_set", "repair_connect4", "repair_connect6" },
	[TRIAL_LOCATE] = { "locate" },
	[TRIAL_ACCOUNT] = { MMA_PIN_ACCOUNT_EVENT, MMA_PIN_ACCOUNT_EVENT_2, MMA_PIN_ACCOUNT_ACCEPT,
			    MMA_PIN_ACCOUNT_CONNECT },
	[TRIAL_WATCH] = { MMA_PIN_WATCH_LIST, MMA_PIN_WATCH_LIST_2 },
};

#define COMPLAINT 256

/* The results of loading. */
static struct trial {
	int err; /* 0 or -errno */
	char complaint[COMPLAINT]; /* libbpf's, if it failed */
} trials[N_TRIALS];

/* libbpf's first warning. */
static char complaint[COMPLAINT];
static bool complained;

static void forget_complaint(void)
{
	complained = false;
	snprintf(complaint, sizeof(complaint), "libbpf does not say why");
}

/* Only the first one says why; the others are consequences. */
static void keep_complaint(const char *warning)
{
	if (complained)
		return;
	complained = true;
	snprintf(complaint, sizeof(complaint), "%.*s", (int)strcspn(warning, "\n"), warning);
}

/* The trial of a program, by the first len bytes of a text; N_TRIALS: none. */
static enum trial_name trial_of(const char *program, size_t len)
{
	enum trial_name trial = 0;

	for (; trial < N_TRIALS; trial++)
		for (const char *const *p = programs_of[trial]; *p; p++)
			if (strlen(*p) == len && !strncmp(*p, program, len))
				return trial;
	return trial;
}

static enum trial_name trial_complained_of(void)
{
	static const char mark[] = "prog '";
	const char *name = strstr(complaint, mark);

	return name ? trial_of(name + strlen(mark), strcspn(name + strlen(mark), "'")) : N_TRIALS;
}

/* One object for all trials, so that it is opened only once. */
static struct mma *loaded;
static struct bpf_object *loaded_object;
static bool refuses_fentry; /* every fentry program, not only ours */

static void unload(void)
{
	programs_free(loaded);
	loaded = NULL;
}

/* Loads the programs of one trial, or of all trials that have not failed (N_TRIALS). */
static int load(enum trial_name which)
{
	struct bpf_program *p = NULL;
	int err;

	forget_complaint();
	loaded = programs_open(&loaded_object);
	if (!loaded) {
		fault_drop();
		return -ENOMEM;
	}
	while ((p = bpf_object__next_program(loaded_object, p))) {
		const char *name = bpf_program__name(p);
		enum trial_name trial = trial_of(name, strlen(name));

		bpf_program__set_autoload(p, trial < N_TRIALS && !trials[trial].err &&
						     (which == trial || which == N_TRIALS));
	}
	err = bpf_object__load(loaded_object);
	if (err)
		unload();
	return err;
}

static void keep_failure(enum trial_name trial, int err)
{
	if (trials[trial].err)
		return;
	trials[trial].err = err;
	memcpy(trials[trial].complaint, complaint, sizeof(complaint));
}

/* Whether the kernel refuses even an fentry program of two instructions: then ours are
 * not the cause. */
static bool refuses_any_fentry(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int fd, link;

	opts.attach_btf_id = kernel_hook_type();
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

/* For a kernel that refuses programs on its functions: loads each such trial alone, so that it
 * fails by itself and does not hold up the others. */
static void load_those_on_functions(void)
{
	static const enum trial_name on_functions[] = { TRIAL_UPGRADE, TRIAL_ACCOUNT, TRIAL_WATCH };

	for (size_t i = 0; i < sizeof(on_functions) / sizeof(on_functions[0]); i++) {
		int err = load(on_functions[i]);

		if (err)
			keep_failure(on_functions[i], err);
		unload();
	}
}

/* Loads all together. On failure, leaves out the trial to blame and tries again; if there is no
 * trial to blame, all fail. */
static void load_the_others(void)
{
	int err;

	while ((err = load(N_TRIALS))) {
		enum trial_name blamed = trial_complained_of();

		if (blamed < N_TRIALS && !trials[blamed].err) {
			keep_failure(blamed, err);
			continue;
		}
		for (blamed = 0; blamed < N_TRIALS; blamed++)
			keep_failure(blamed, err);
		return;
	}
}

/* Returns 0 or -errno; then ret_operation is what failed, and `complaint` says why. */
static int trial_run(enum trial_name trial, int (*attach)(struct bpf_program *program),
		     const char **ret_operation)
{
	int err = trials[trial].err;

	if (err) {
		*ret_operation = "load";
		memcpy(complaint, trials[trial].complaint, sizeof(complaint));
		return err;
	}
	*ret_operation = "attach";
	forget_complaint();
	for (const char *const *name = programs_of[trial]; !err && *name; name++)
		err = attach(bpf_object__find_program_by_name(loaded_object, *name));
	return err;
}

static int attach_and_drop(struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach_trace(program);
	int err = link ? 0 : -errno;

	bpf_link__destroy(link);
	return err;
}

static int run_locate(struct bpf_program *program)
{
	__u16 id;

	return programs_locate(bpf_program__fd(program), &id);
}

/* Runs in the child of attach_tcx(). Returns 0, an errno, or NO_NAMESPACE. */
static int attach_tcx_here(int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = BPF_F_BEFORE);
	int fd;

	if (unshare(CLONE_NEWNET))
		return NO_NAMESPACE;
	fd = bpf_link_create(prog_fd, LOOPBACK_IFINDEX, BPF_TCX_EGRESS, &first);
	return fd < 0 ? -fd : 0;
}

/* Attaches to the loopback of a new network namespace: it carries no packets, and ends with the
 * child. */
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

static void check_upgrade(struct checks *checks)
{
	const char *operation;
	int err;

	err = trial_run(TRIAL_UPGRADE, attach_and_drop, &operation);
	if (!err)
		check_ok(checks, "upgrade", "the program loads and attaches");
	else if (!kernel_has_trampolines())
		check_fail(checks, "upgrade", KERNEL_NEED_JIT,
			   KERNEL_HOOK ": " KERNEL_NO_TRAMPOLINES);
	else if (refuses_fentry)
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
	const char *operation;
	int err = trial_run(TRIAL_FOLLOW, attach_and_drop, &operation);

	if (!err)
		check_ok(checks, "follow", "the programs load and attach");
	else
		check_fail(checks, "follow", SEE_LOG,
			   "cgroup_mkdir, cgroup_rmdir: %s failed (%s); %s", operation,
			   strerror(-err), complaint);
}

static void check_strip(struct checks *checks)
{
	const char *operation;
	int err = trial_run(TRIAL_STRIP, attach_tcx, &operation);

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

/* Does not attach: every cgroup may have processes, and none is created for this. */
static int load_only(struct bpf_program *program)
{
	(void)program;
	return 0;
}

static void check_repair(struct checks *checks)
{
	const char *operation;
	int err = trial_run(TRIAL_REPAIR, load_only, &operation);

	if (!err)
		check_ok(checks, "repair", "the programs for socket options load");
	else
		check_warn(checks, "repair", SEE_LOG,
			   "some socket options fail on MPTCP, and stay so: %s failed (%s); %s",
			   operation, strerror(-err), complaint);
}

static void check_locate(struct checks *checks)
{
	const char *operation;
	int err = trial_run(TRIAL_LOCATE, run_locate, &operation);

	if (!err)
		check_ok(checks, "mptcp_state", "found in the kernel");
	else if (fault_remembered())
		check_fault(checks, "mptcp_state", CHECK_FAIL);
	else
		check_fail(checks, "mptcp_state", SEE_LOG, "the search for it: %s failed (%s); %s",
			   operation, strerror(-err), complaint);
}

/* Only a warning: mail works without them. */
static void check_account(struct checks *checks)
{
	const char *operation;
	int err = trial_run(TRIAL_ACCOUNT, attach_and_drop, &operation);

	if (!err)
		check_ok(checks, "account", "the programs that count connections load and attach");
	else
		check_warn(checks, "account", SEE_LOG,
			   "connections will not be counted: %s failed (%s); %s", operation,
			   strerror(-err), complaint);
}

/* Only a warning: mail works without these, too. */
static void check_watch(struct checks *checks)
{
	const char *operation;
	int err = trial_run(TRIAL_WATCH, attach_and_drop, &operation);

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
	refuses_fentry = refuses_any_fentry();
	if (refuses_fentry)
		load_those_on_functions();
	load_the_others();
	check_upgrade(checks);
	check_follow(checks);
	check_strip(checks);
	check_repair(checks);
	check_locate(checks);
	check_account(checks);
	check_watch(checks);
	unload();
	report_hear_libbpf(NULL);
}
