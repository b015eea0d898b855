// SPDX-License-Identifier: GPL-2.0-only
#include "kernel.h"
#include "report.h"

#include <bpf/btf.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"
#define HOOK "update_socket_protocol"

static bool makes_mptcp(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

enum { HAS_IPV4 = 1, HAS_IPV6 = 2 };

static int families_here(void)
{
	return (makes_mptcp(AF_INET) ? HAS_IPV4 : 0) | (makes_mptcp(AF_INET6) ? HAS_IPV6 : 0);
}

/* A new namespace starts with net.mptcp.enabled=1. */
static int families_in_fresh_namespace(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(unshare(CLONE_NEWNET) ? 0 : families_here());
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status);
}

void kernel_mptcp_families(bool *ret_ipv4, bool *ret_ipv6)
{
	int families = families_here();

	if (!families)
		families = families_in_fresh_namespace();
	*ret_ipv4 = families & HAS_IPV4;
	*ret_ipv6 = families & HAS_IPV6;
}

bool kernel_has_btf(void)
{
	return !access(VMLINUX_BTF, R_OK);
}

bool kernel_has_function(const char *name)
{
	static struct btf *btf; /* kept: reading all types takes time */

	if (!btf)
		btf = btf__load_vmlinux_btf();
	return btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

bool kernel_has_hook(void)
{
	return kernel_has_function(HOOK);
}

int kernel_explain(int err, const char *operation)
{
	if (!kernel_has_btf())
		return fault_kernel(
			err, VMLINUX_BTF
			": not there, and without the kernel's type information no program can be fitted to it; use a kernel with CONFIG_DEBUG_INFO_BTF=y");
	if (!kernel_has_hook())
		return fault_kernel(
			err, HOOK
			": this kernel does not have the hook; Linux 6.6 or later with CONFIG_MPTCP=y is needed (Debian 12: linux-image-amd64 from bookworm-backports)");
	if (err == EPERM || err == EACCES)
		return fault_kernel(
			err,
			HOOK
			": this kernel refuses BPF programs on its functions (%s: %s); run with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN on a kernel that allows fmod_ret",
			operation, strerror(err));
	return fault_kernel(err, HOOK ": %s failed (%s); -vv shows libbpf's log", operation,
			    strerror(err));
}
