// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel.h"
#include "host/kernel_btf.h"
#include "host/kernel_types.h"
#include "report.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HAS_IPV4 = 1, HAS_IPV6 = 2, N_SETS = 4 };

/* Returns `has`; 0 if the kernel says that it does not support the family; or -errno if that is
 * unknown, because the memory ran out, for example. */
static int makes_mptcp(int family, int has)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd >= 0) {
		close(fd);
		return has;
	}
	return errno == ENOPROTOOPT || errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT ? 0
											 : -errno;
}

static int families_here(void)
{
	int ipv4 = makes_mptcp(AF_INET, HAS_IPV4);
	int ipv6 = makes_mptcp(AF_INET6, HAS_IPV6);

	return ipv4 < 0 ? ipv4 : ipv6 < 0 ? ipv6 : ipv4 | ipv6;
}

/* A new namespace starts with net.mptcp.enabled=1. */
static int families_in_fresh_namespace(void)
{
	int status, families;
	pid_t child = fork();

	if (!child) {
		families = unshare(CLONE_NEWNET) ? -errno : families_here();
		_exit(families < 0 ? N_SETS - families : families);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	if (!WIFEXITED(status))
		return -EIO;
	families = WEXITSTATUS(status);
	return families < N_SETS ? families : N_SETS - families;
}

int kernel_mptcp_families(bool *ret_ipv4, bool *ret_ipv6)
{
	int families = families_here();

	if (!families)
		families = families_in_fresh_namespace();
	*ret_ipv4 = families > 0 && families & HAS_IPV4;
	*ret_ipv6 = families > 0 && families & HAS_IPV6;
	return families < 0 ? families : 0;
}

bool kernel_has_btf(void)
{
	return !access(VMLINUX_BTF, R_OK);
}

uint32_t kernel_hook_type(void)
{
	return kernel_types_function(KERNEL_HOOK);
}

bool kernel_has_hook(void)
{
	return kernel_hook_type() > 0;
}

/* Compiled in along with them. */
bool kernel_has_trampolines(void)
{
	return kernel_types_function("bpf_trampoline_link_prog") > 0;
}

int kernel_preempts(void)
{
	/* Through process 1's root: a unit with PrivateNetwork= has its own /sys, and every run
	 * must get the same answer. */
	FILE *file = fopen("/proc/1/root/sys/kernel/debug/sched/preempt", "re");
	char modes[128] = ""; /* "none (voluntary) full": the active one is in brackets */
	bool known;

	if (!file)
		return -ENOENT;
	known = fgets(modes, sizeof(modes), file);
	fclose(file);
	return known ? !strstr(modes, "(none)") && !strstr(modes, "(voluntary)") : -EIO;
}

/* The remedy if this process lacks something, not the kernel; else NULL. */
static const char *what_is_lacking(int err)
{
	if (err == EMFILE)
		return "raise the limit of open files: ulimit -Hn";
	if (err == ENFILE)
		return "raise the limit of open files: sysctl fs.file-max";
	if (err == ENOMEM)
		return "free some memory, or raise the memory limit of the cgroup that it runs in";
	return NULL;
}

int kernel_explain(int err, const char *operation)
{
	const char *remedy = what_is_lacking(err);

	if (remedy) /* first, because the questions below need files, too */
		return fault(err, "the BPF programs: %s failed (%s); %s", operation, strerror(err),
			     remedy);
	if (!kernel_has_btf())
		return fault_kernel(
			err, VMLINUX_BTF
			": not there, and BPF programs need the kernel's type information; use a kernel with CONFIG_DEBUG_INFO_BTF=y");
	if (!kernel_has_hook())
		return fault_kernel(
			err, KERNEL_HOOK
			": this kernel does not have the hook; use Linux 6.6 or later with CONFIG_MPTCP=y (Debian 12: linux-image-amd64 from bookworm-backports)");
	if (!kernel_has_trampolines())
		return fault_kernel(err,
				    KERNEL_HOOK ": " KERNEL_NO_TRAMPOLINES "; " KERNEL_NEED_JIT);
	if (err == EPERM || err == EACCES)
		return fault_kernel(
			err,
			KERNEL_HOOK
			": this kernel refuses BPF programs on its functions (%s: %s); run with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN on a kernel that allows fmod_ret",
			operation, strerror(err));
	return fault_kernel(err, KERNEL_HOOK ": %s failed (%s); -vv shows libbpf's log", operation,
			    strerror(err));
}
