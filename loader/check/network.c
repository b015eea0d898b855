// SPDX-License-Identifier: GPL-2.0-only
/* --check: the network namespaces of the service, or ours if no cgroup is given. One line per
 * requirement, about the first namespace that does not meet it. */
#include "check/parts.h"
#include "host/netstat.h"
#include "host/path_manager.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_WINDOW "/proc/sys/net/ipv4/tcp_shrink_window"
#define TIMEOUT "/proc/sys/net/mptcp/blackhole_timeout"
#define CLOSE_TIMEOUT "/proc/sys/net/mptcp/close_timeout"

struct state {
	uint64_t cookie; /* 0: ours */
	int enabled; /* 1, 0, or -errno */
	int policies; /* or -errno */
	long long blackholes, timeout, close_timeout, table_full, shrinks; /* -1: not available */
};

/* "network namespace 4711: ", or "" if there is only ours. */
struct where {
	char text[48];
};

static struct where where(const struct state *state)
{
	struct where ret = { "" };

	if (state->cookie)
		snprintf(ret.text, sizeof(ret.text), "network namespace %" PRIu64 ": ",
			 state->cookie);
	return ret;
}

static int look(const struct netns *netns, void *data)
{
	struct state *ret = data;

	ret->cookie = netns ? netns->cookie : 0;
	ret->enabled = netns_mptcp_enabled();
	ret->policies = ipsec_policies_out();
	ret->blackholes = netstat_mptcp("Blackhole");
	ret->table_full = netstat_mptcp(NETSTAT_TABLE_FULL);
	ret->timeout = sysctl_number(TIMEOUT);
	ret->close_timeout = sysctl_number(CLOSE_TIMEOUT);
	ret->shrinks = sysctl_number(SHRINK_WINDOW);
	return 0;
}

static void check_enabled(struct checks *checks, const struct state *states, size_t n)
{
	static const char name[] = "mptcp_enabled";

	for (size_t i = 0; i < n; i++) {
		if (states[i].enabled == 1)
			continue;
		if (!states[i].enabled)
			check_fail(checks, name, "switch it on: sysctl -w net.mptcp.enabled=1",
				   "%sMPTCP is switched off, so sockets stay TCP",
				   where(&states[i]).text);
		else
			check_fail(checks, name, "use a kernel with CONFIG_MPTCP=y",
				   "%sno MPTCP socket can be made (%s)", where(&states[i]).text,
				   strerror(-states[i].enabled));
		return;
	}
	check_ok(checks, name, "MPTCP is switched on (net.mptcp.enabled)");
}

static void check_blackhole(struct checks *checks, const struct state *states, size_t n)
{
	static const char name[] = "blackhole";

	for (size_t i = 0; i < n; i++) {
		if (states[i].timeout < 0) {
			check_warn(
				checks, name, "keep to the role listen, which is the default",
				"this kernel (before 6.12) does not notice paths that drop MPTCP: outgoing MPTCP fails on them");
			return;
		}
		if (states[i].blackholes > 0 && states[i].timeout) {
			check_warn(
				checks, name,
				"if the path is sound: sysctl -w net.mptcp.blackhole_timeout=0",
				"%sa path seemed to drop MPTCP %lld times: outgoing MPTCP pauses for %lld s or longer each time",
				where(&states[i]).text, states[i].blackholes, states[i].timeout);
			return;
		}
	}
	check_ok(checks, name, "no path seemed to drop MPTCP");
}

/* Adds a line only if it has happened. */
static void check_table(struct checks *checks, const struct state *states, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (states[i].table_full <= 0)
			continue;
		check_warn(
			checks, "table",
			"give this machine more memory: the table has room for about 4 connections for each MB",
			"%s%lld connections stayed TCP, as the kernel's table of MPTCP connections was full",
			where(&states[i]).text, states[i].table_full);
		return;
	}
}

/* https://github.com/multipath-tcp/mptcp_net-next/issues/439, open since 6.5. Adds a line only
 * if it is on. */
static void check_shrink_window(struct checks *checks, const struct state *states, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (states[i].shrinks <= 0)
			continue;
		check_warn(
			checks, "shrink_window",
			"switch it off: sysctl -w net.ipv4.tcp_shrink_window=0",
			"%snet.ipv4.tcp_shrink_window is on: MPTCP connections can become very slow",
			where(&states[i]).text);
		return;
	}
}

/* A connection that loses its last path waits for another one (RFC 8684, 3.6). */
static void check_close_timeout(struct checks *checks, const struct state *states, size_t n)
{
	static const char name[] = "close_timeout";

	for (size_t i = 0; i < n; i++) {
		if (states[i].close_timeout < 0)
			continue;
		check_ok(
			checks, name,
			"%sa session whose last path is reset (ss -K, a ban, a rebooted client) ends after %lld s; sooner: sysctl -w net.mptcp.close_timeout=10",
			where(&states[i]).text, states[i].close_timeout);
		return;
	}
	check_ok(checks, name,
		 "a session whose last path is reset ends after 60 s, as this kernel is built");
}

static void check_ipsec(struct checks *checks, const struct state *states, size_t n)
{
	static const char name[] = "ipsec";

	for (size_t i = 0; i < n; i++) {
		if (states[i].policies < 0) {
			check_warn(checks, name, "run as root",
				   "%sIPsec policies cannot be read (%s)", where(&states[i]).text,
				   strerror(-states[i].policies));
			return;
		}
		if (states[i].policies) {
			check_warn(
				checks, name,
				"attach only services that may speak MPTCP on every port to these peers",
				"%s%d outgoing IPsec policies: the allowlist does not reach what they encapsulate",
				where(&states[i]).text, states[i].policies);
			return;
		}
	}
	check_ok(checks, name, "no outgoing IPsec policy");
}

void check_network(struct checks *checks, const struct check_subject *subject)
{
	size_t n = subject->namespaces.n ? subject->namespaces.n : 1, seen = 0;
	struct state *states = calloc(n, sizeof(*states));

	if (!states) {
		checks->no_memory = true;
		return;
	}
	if (subject->tree.n_pids && !subject->namespaces.n)
		check_warn(
			checks, "namespaces", "run as root",
			"those of its processes cannot be seen; the lines below are about this one");
	if (!subject->namespaces.n)
		look(NULL, &states[seen++]);
	for (size_t i = 0; i < subject->namespaces.n; i++) {
		if (netns_run(&subject->namespaces.list[i], look, &states[seen]))
			check_fault(checks, "namespace", CHECK_WARN);
		else
			seen++;
	}
	if (n == 1)
		states[0].cookie = 0; /* only one, so do not name it */
	if (seen) {
		check_enabled(checks, states, seen);
		check_paths(checks, subject);
		check_blackhole(checks, states, seen);
		check_table(checks, states, seen);
		check_shrink_window(checks, states, seen);
		check_close_timeout(checks, states, seen);
		check_ipsec(checks, states, seen);
	}
	free(states);
}
