// SPDX-License-Identifier: GPL-2.0-only
/* The programs in this kernel: they load, and how many instructions the verifier
 * processed; locate finds MPTCP's state. */
#include "suite.h"
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERIFIER_LIMIT 1000000 /* BPF_COMPLEXITY_LIMIT_INSNS */

static struct bpf_object *object;

static void loads(void **state)
{
	struct bpf_program *program;

	(void)state;
	need_bpf();
	object = load_product();
	bpf_object__for_each_program(program, object)
	{
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (!bpf_program__autoload(program))
			continue;
		assert_int_equal(bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &len), 0);
		show("%-13s %6u instructions verified, %5u bytes translated",
		     bpf_program__name(program), info.verified_insns, info.xlated_prog_len);
		/* Another kernel's verifier may need several times as many. */
		assert_in_range(info.verified_insns, 1, VERIFIER_LIMIT / 20);
	}
}

static uint32_t located(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	assert_int_equal(bpf_prog_test_run_opts(program_fd(object, "locate"), &opts), 0);
	return opts.retval;
}

static void finds_mptcp(void **state)
{
	int status;
	pid_t child;

	(void)state;
	need_bpf();
	if (!object)
		object = load_product();
	assert_in_range(located(), 1, 511);
	/* The id is a kernel-wide one, not the namespace's. */
	child = fork();
	if (!child)
		_exit(unshare(CLONE_NEWNET) || located() == 0 ? 255 : (int)(located() & 0x7f));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), located() & 0x7f);
	show("net->gen->ptr[%u]", located());
}

int main(void)
{
	static struct suite suite;
	int failed;

	add_test(&suite, "strip, follow and locate load", loads, NULL);
	add_test(&suite, "locate finds MPTCP's state, in any namespace", finds_mptcp, NULL);
	failed = run_suite("programs", &suite);
	bpf_object__close(object);
	return failed;
}
