// SPDX-License-Identifier: GPL-2.0-only
/* --check: our rights, the kernel, and the BPF file system. */
#include "attached/bpffs.h"
#include "attached/hidden.h"
#include "check/parts.h"
#include "host/kernel.h"
#include "host/mounts.h"
#include "pin_names.h"
#include "report.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_NAMES 256

/* CAP_SYS_ADMIN contains CAP_BPF and CAP_PERFMON. */
static const struct {
	int number;
	const char *name;
} needed[] = {
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" },
};

static uint64_t effective_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t mask = ~0ULL; /* unknown: the trials will tell */
	char line[256];

	if (!file)
		return mask;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "CapEff:", 7))
			mask = strtoull(line + 7, NULL, 16);
	fclose(file);
	return mask;
}

static void missing_capabilities(char *ret_names, size_t size)
{
	uint64_t mask = effective_capabilities();
	size_t used = 0;

	ret_names[0] = '\0';
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!(mask >> needed[i].number & 1))
			used += (size_t)snprintf(ret_names + used, size - used, "%s%s",
						 used ? ", " : "", needed[i].name);
}

/* Whether ids are the host's: root of a user namespace is not the host's root. */
static bool in_host_users(void)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	unsigned long inside = 0, outside = 0, count = UINT32_MAX;
	char line[64], *end;

	if (!file)
		return true;
	if (fgets(line, sizeof(line), file)) {
		inside = strtoul(line, &end, 10);
		outside = strtoul(end, &end, 10);
		count = strtoul(end, NULL, 10);
	}
	fclose(file);
	return !inside && !outside && count == UINT32_MAX;
}

void check_rights(struct checks *checks, struct check_subject *subject)
{
	char names[MAX_NAMES];

	missing_capabilities(names, sizeof(names));
	if (geteuid())
		check_fail(checks, "root", "run as root; an ordinary user cannot see much of this",
			   "an ordinary user (uid %u): BPF programs and cgroups are root's",
			   geteuid());
	else if (!in_host_users())
		check_fail(checks, "root", "run on the host",
			   "root of a user namespace, which has no rights on the host");
	else if (names[0])
		check_fail(checks, "root", "run with all of root's rights", "root, but without %s",
			   names);
	else
		check_ok(checks, "root", "root, with every capability needed");
	subject->root = checks->n && checks->list[checks->n - 1].result == CHECK_OK;
}

static void check_ipv6(struct checks *checks, bool made)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	if (made)
		check_ok(checks, "mptcp_ipv6", "MPTCP for IPv6");
	else if (fd < 0)
		check_ok(checks, "mptcp_ipv6", "no IPv6 on this host");
	else
		check_warn(checks, "mptcp_ipv6", "use a kernel with CONFIG_MPTCP_IPV6=y",
			   "no MPTCP for IPv6: IPv6 sockets stay TCP");
	if (fd >= 0)
		close(fd);
}

static void check_mptcp(struct checks *checks, const struct check_subject *subject)
{
	bool ipv4, ipv6;
	int err = kernel_mptcp_families(&ipv4, &ipv6);

	if (!ipv4 && !ipv6 && !subject->root) {
		check_warn(checks, "mptcp", "run as root",
			   "no MPTCP here; only root can tell whether the kernel has it");
		return;
	}
	if (err) {
		check_warn(checks, "mptcp", "run it again",
			   "cannot try whether the kernel makes MPTCP sockets (%s)",
			   strerror(-err));
		return;
	}
	if (!ipv4)
		check_fail(
			checks, "mptcp", "use a kernel with CONFIG_MPTCP=y",
			"the kernel makes no MPTCP socket, not even in a fresh network namespace");
	else
		check_ok(checks, "mptcp", "the kernel makes MPTCP sockets");
	check_ipv6(checks, ipv6);
}

void check_kernel(struct checks *checks, const struct check_subject *subject)
{
	if (kernel_has_btf())
		check_ok(checks, "btf", "the kernel has type information (BTF)");
	else
		check_fail(checks, "btf", "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
			   "the kernel has no type information (/sys/kernel/btf/vmlinux)");
	if (kernel_has_hook())
		check_ok(checks, "hook", "the kernel has update_socket_protocol");
	else if (kernel_has_btf())
		check_fail(
			checks, "hook",
			"use Linux 6.6 or later with CONFIG_MPTCP=y (Debian 12: linux-image-amd64 from bookworm-backports)",
			"update_socket_protocol: this kernel does not have the hook");
	else
		check_warn(
			checks, "hook", "see btf",
			"without BTF it cannot be told whether the kernel has update_socket_protocol");
	check_mptcp(checks, subject);
}

void check_bpffs(struct checks *checks, const struct check_subject *subject)
{
	bool there;

	if (!subject->root || !mounts_of_host_are_known()) {
		check_warn(checks, "bpffs",
			   subject->root ? "run where /proc/1/ns/mnt can be read" : "run as root",
			   "cannot tell whether " MMA_BPFFS " is the host's");
		return;
	}
	if (bpffs_look(&there) || hidden_look())
		check_fault(checks, "bpffs", CHECK_FAIL);
	else if (there)
		check_ok(checks, "bpffs", MMA_BPFFS " is the host's");
	else
		check_ok(checks, "bpffs",
			 "not mounted on " MMA_BPFFS ": the first --cgroup mounts it");
}
