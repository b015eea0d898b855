// SPDX-License-Identifier: GPL-2.0-only
#include "host/rights.h"
#include "report.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned int needed[] = {
	CAP_BPF, /* maps, programs, links */
	CAP_PERFMON, /* programs that read the kernel's structures */
	CAP_NET_ADMIN, /* TCX, programs on cgroups, the path manager */
	CAP_SYS_ADMIN, /* setns(2), mounting bpffs, BPF objects by id */
	CAP_SYS_PTRACE, /* /proc/PID/ns of other users' processes */
	CAP_DAC_READ_SEARCH, /* open_by_handle_at(2) of a cgroup id */
	CAP_SYSLOG, /* addresses in /proc/kallsyms, which libbpf looks up */
};

void rights_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct keep[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* libcap would be linked only for wrappers of these two calls. */
	if (syscall(SYS_capget, &header, now))
		return;
	for (unsigned int i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		keep[CAP_TO_INDEX(needed[i])].permitted |= CAP_TO_MASK(needed[i]);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		keep[i].permitted &= now[i].permitted;
		keep[i].effective = keep[i].permitted & now[i].effective;
	}
	syscall(SYS_capset, &header, keep);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int rights_need_root(void)
{
	if (geteuid())
		return fault(EPERM, "not root: BPF programs and cgroups are root's; run as root");
	return 0;
}
