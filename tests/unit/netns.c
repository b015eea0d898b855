// SPDX-License-Identifier: GPL-2.0-only
/* The namespaces of processes that end while the tool looks at them. */
#include "suite.h"
#include "fault_text.h"
#include "host/netns.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NO_PID ((1 << 22) + 1) /* above the kernel's PID_MAX_LIMIT */

static int error; /* of each open(2) */

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	(void)path, (void)flags;
	errno = error;
	return -1;
}

static const struct row {
	const char *name;
	int error;
	pid_t pid; /* 0: our own */
	const char *remedy; /* NULL: no fault */
} rows[] = {
	{ "ended before", ENOENT, NO_PID, NULL },
	{ "ended as its directory was read", ESRCH, NO_PID, NULL },
	{ "ended amid the open", EACCES, NO_PID, NULL },
	{ "lives, and may not be looked at", EACCES, 0, "CAP_SYS_PTRACE is needed" },
	{ "no descriptor is left", EMFILE, NO_PID, "raise the limit" },
};

static void test_process(void **state)
{
	const struct row *row = *state;
	pid_t pid = row->pid ? row->pid : getpid();
	struct cgroup_tree tree = { .pids = &pid, .n_pids = 1 };
	struct netns_set set = { 0 };
	char text[256];
	int err;

	error = row->error;
	err = netns_add_processes(&set, &tree);
	assert_int_equal(err, row->remedy ? -row->error : 0);
	assert_int_equal(set.n, 0);
	if (!row->remedy)
		return;
	fault_read(err, text, sizeof(text));
	assert_non_null(strstr(text, row->remedy));
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, test_process, rows);
	return run_suite("netns", &suite);
}
