// SPDX-License-Identifier: GPL-2.0-only
/* --check: the service in --cgroup: who makes its sockets, which it has, and
 * what is known of its server. */
#include "check/parts.h"
#include "host/listeners.h"
#include "report.h"
#include "systemd/systemd.h"
#include "systemd/units.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_NAMED 1024

static void check_socket_unit(struct checks *checks, const struct check_subject *subject)
{
	const char *name = unit_of_path(subject->cgroup.key.path);
	struct unit unit;

	if (!name || systemd_need() || systemd_find_unit(name, &unit) || unit.missing ||
	    unit.masked) {
		fault_drop(); /* not systemd's: nothing to say */
		return;
	}
	if (unit.sockets[0])
		check_warn(
			checks, "socket_unit",
			"enable it, too: mptcp-mail-attach --enable with both, or SocketProtocol=mptcp in it (systemd 257)",
			"%s makes sockets for %s, in a cgroup of its own", unit.sockets, unit.name);
	else
		check_ok(checks, "socket_unit", "%s makes its sockets itself", unit.name);
}

static size_t name_tcp(const struct listeners *listeners, char *ret_names, size_t size)
{
	char text[LISTENER_TEXT];
	size_t used = 0, n = 0;

	ret_names[0] = '\0';
	for (size_t i = 0; i < listeners->n; i++) {
		if (listeners->list[i].mptcp)
			continue;
		n++;
		listener_text(&listeners->list[i], text);
		if (used + strlen(text) + 3 < size)
			used += (size_t)snprintf(ret_names + used, size - used, "%s%s",
						 used ? ", " : "", text);
	}
	return n;
}

static void check_listeners(struct checks *checks, const struct check_subject *subject)
{
	struct listeners listeners = { 0 };
	char names[MAX_NAMED];

	if (listeners_read(&subject->namespaces, &subject->tree, &listeners))
		check_fault(checks, "listeners", CHECK_WARN);
	else if (name_tcp(&listeners, names, sizeof(names)))
		check_warn(checks, "listeners", "once it is attached, restart it",
			   "listen as TCP now, and stay so: %s", names);
	else
		check_ok(checks, "listeners", listeners.n ? "all of them are MPTCP" : "none yet");
	listeners_free(&listeners);
}

/* What an MPTCP socket says to this question: 0, or an errno. */
static int mptcp_answer(int level, int option)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), err;
	char value[64];
	socklen_t len = sizeof(value);

	if (fd < 0)
		return 0; /* nothing can be said */
	err = getsockopt(fd, level, option, value, &len) ? errno : 0;
	close(fd);
	return err;
}

static bool postfix_suffers(void)
{
	return mptcp_answer(IPPROTO_TCP, TCP_MAXSEG) != 0;
}

/* It takes ENOPROTOOPT for "none". Whether it was built without IPv6, and so asks
 * at all, only itself can tell. */
static bool exim_may_suffer(void)
{
	int err = mptcp_answer(IPPROTO_IP, IP_OPTIONS);

	return err && err != ENOPROTOOPT;
}

static const struct server {
	const char *part; /* of the path of its program */
	bool (*suffers)(void);
	const char *text, *remedy;
} servers[] = {
	{ "/postfix/", postfix_suffers,
	  "Postfix warns for each MPTCP connection that it makes, as this kernel does not answer getsockopt(TCP_MAXSEG); mail flows all the same",
	  "attach it by --enable, which has that answered, or ignore the warning" },
	{ "/exim", exim_may_suffer,
	  "an Exim built without IPv6 refuses MPTCP connections (451), as this kernel does not answer getsockopt(IP_OPTIONS)",
	  "see whether \"exim -bV\" names IPv6; if not, attach it by --enable, which has that answered" },
};

static bool is_program(pid_t pid, const char *part)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return strstr(path, part) != NULL;
}

static void check_server(struct checks *checks, const struct check_subject *subject)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		const struct server *server = &servers[i];
		bool runs = false;

		for (size_t k = 0; k < subject->tree.n_pids && !runs; k++)
			runs = is_program(subject->tree.pids[k], server->part);
		if (!runs || !server->suffers())
			continue;
		check_warn(checks, "server", server->remedy, "%s", server->text);
		any = true;
	}
	if (!any)
		check_ok(checks, "server", "nothing known that breaks on MPTCP");
}

void check_service(struct checks *checks, const struct check_subject *subject)
{
	check_socket_unit(checks, subject);
	if (!subject->there)
		return;
	if (!subject->root) {
		check_warn(checks, "listeners", "run as root",
			   "its sockets and processes cannot be seen");
		return;
	}
	check_listeners(checks, subject);
	check_server(checks, subject);
}
