// SPDX-License-Identifier: GPL-2.0-only
/* Runs the chosen mode and reports its fault. */
#include "audit/audit.h"
#include "check/check.h"
#include "cli.h"
#include "connections/connections.h"
#include "modes/modes.h"
#include "host/rights.h"
#include "report.h"
#include "status/status.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The caller may have closed fds 0 to 2: no other file may become standard output. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* We keep a descriptor open for each network namespace: the usual limit of 1024 may be
 * too low. */
static void lift_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_mode(const struct request *request)
{
	switch (request->mode) {
	case MODE_ATTACH:
		return attach_run(request);
	case MODE_DETACH:
		return detach_run(request);
	case MODE_ALLOW:
	case MODE_DENY:
		return edit_run(request);
	case MODE_REFRESH:
		return refresh_run(request);
	case MODE_ENABLE:
		return enable_run(request);
	case MODE_DISABLE:
		return disable_run(request);
	case MODE_OCI:
		return oci_run(request);
	case MODE_STATUS:
		return status_run(request);
	case MODE_CONNECTIONS:
		return connections_run(request);
	case MODE_CHECK:
		return check_run(request);
	case MODE_AUDIT:
		return audit_run(request);
	case MODE_VERSION:
		printf("mptcp-mail-attach %s\n", MMA_VERSION);
		return 0;
	case MODE_HELP:
	case MODE_NONE:
		break;
	}
	cli_print_help();
	return 0;
}

int main(int argc, char **argv)
{
	static struct request request;
	int err;

	open_standard_fds();
	lift_file_limit();
	signal(SIGCHLD, SIG_DFL); /* if the caller ignored it, waitpid(2) would find no child */
	setvbuf(stdout, NULL, _IOLBF, 0); /* keeps reports and notes in order, in a journal, too */
	umask(077); /* only root may use the pins and the lock */
	rights_drop();
	err = cli_parse(argc, argv, &request);
	report_set_verbosity(request.verbosity);
	if (!err)
		err = run_mode(&request);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = fault(errno, "standard output: cannot be written (%s)", strerror(errno));
	return err ? (int)report_fault(err) : MMA_EXIT_DONE;
}
