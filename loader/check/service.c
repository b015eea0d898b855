// SPDX-License-Identifier: GPL-2.0-only
/* --check: the service in --cgroup: what creates its sockets, which sockets it has, and what is
 * known about its server. */
#include "attached/pins.h"
#include "check/parts.h"
#include "host/listeners.h"
#include "ports.h"
#include "report.h"
#include "systemd/systemd.h"
#include "systemd/units.h"

#include <bpf/bpf.h>
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
		fault_drop(); /* not systemd's: nothing to report */
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

/* The allowlist in force, or the one that --cgroup would begin with. */
struct list_now {
	struct maps maps; /* closed if nothing is attached */
	const struct port_list *usual;
};

static void open_list(struct list_now *ret)
{
	bool attached;

	*ret = (struct list_now){ .maps = MAPS_CLOSED, .usual = ports_default() };
	if (maps_open(&ret->maps, &attached))
		fault_drop();
}

static bool may_listen(const struct list_now *list, uint16_t port)
{
	uint16_t all = MMA_PORT_ALL;
	uint8_t roles = list->usual->roles[port];

	if (list->maps.ports >= 0 && bpf_map_lookup_elem(list->maps.ports, &port, &roles) &&
	    bpf_map_lookup_elem(list->maps.ports, &all, &roles))
		roles = MMA_ROLE_NONE;
	return roles & MMA_ROLE_LISTEN;
}

typedef bool listener_fn(const struct listener *listener, const void *data);

/* Writes the chosen listeners as text; returns their number. */
static size_t write_listeners(const struct listeners *listeners, listener_fn *is_chosen,
			      const void *data, char ret_names[MAX_NAMED])
{
	char text[LISTENER_TEXT];
	size_t used = 0, n = 0;

	ret_names[0] = '\0';
	for (size_t i = 0; i < listeners->n; i++) {
		if (!is_chosen(&listeners->list[i], data))
			continue;
		n++;
		listener_text(&listeners->list[i], text);
		if (used + strlen(text) + 3 < MAX_NAMED)
			used += (size_t)snprintf(ret_names + used, MAX_NAMED - used, "%s%s",
						 used ? ", " : "", text);
	}
	return n;
}

static bool is_tcp(const struct listener *listener, const void *unused)
{
	(void)unused;
	return !listener->mptcp;
}

static bool stays_tcp(const struct listener *listener, const void *list)
{
	return !listener->mptcp && listener->right == SOCKET_RIGHT_NEVER &&
	       may_listen(list, listener->port);
}

/* upgrade skips a task that may not bind a privileged port. */
static void check_right_to_bind(struct checks *checks, const struct check_subject *subject,
				const struct listeners *listeners)
{
	struct list_now list;
	char names[MAX_NAMED];

	open_list(&list);
	for (size_t i = 0; i < listeners->n; i++)
		listeners->list[i].right = socket_right(&subject->tree, listeners->list[i].inode);
	if (write_listeners(listeners, stays_tcp, &list, names))
		check_warn(
			checks, "may_bind",
			"give them the right: AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
			"made by processes that may not bind such a port themselves (authbind?), and will stay TCP: %s",
			names);
	else
		check_ok(
			checks, "may_bind",
			"no listener on the list is known to be made without the right to bind it");
	maps_close(&list.maps);
}

static void check_listeners(struct checks *checks, const struct check_subject *subject)
{
	struct listeners listeners = { 0 };
	char names[MAX_NAMED];

	if (listeners_read(&subject->namespaces, &subject->tree, &listeners)) {
		check_fault(checks, "listeners", CHECK_WARN);
	} else {
		if (write_listeners(&listeners, is_tcp, NULL, names))
			check_warn(checks, "listeners", "once it is attached, restart it",
				   "listening as TCP until a restart: %s", names);
		else
			check_ok(checks, "listeners",
				 listeners.n ? "all of them are MPTCP" : "none yet");
		check_right_to_bind(checks, subject, &listeners);
	}
	listeners_free(&listeners);
}

/* How an MPTCP socket answers this getsockopt(2): 0 or an errno. */
static int mptcp_answer(int level, int option)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), err;
	char value[64];
	socklen_t len = sizeof(value);

	if (fd < 0)
		return 0; /* unknown */
	err = getsockopt(fd, level, option, value, &len) ? errno : 0;
	close(fd);
	return err;
}

static bool postfix_suffers(void)
{
	return mptcp_answer(IPPROTO_TCP, TCP_MAXSEG) != 0;
}

/* Exim takes ENOPROTOOPT as "none". Only Exim itself knows whether it was built without IPv6,
 * and so asks at all. */
static bool exim_may_suffer(void)
{
	int err = mptcp_answer(IPPROTO_IP, IP_OPTIONS);

	return err && err != ENOPROTOOPT;
}

static const struct server {
	const char *part; /* of its program's path */
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
		check_ok(checks, "server", "no known problem with MPTCP");
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
