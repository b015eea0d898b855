// SPDX-License-Identifier: GPL-2.0-only
/*
 * --audit: reports which ports a service uses. A BPF program on its cgroup watches the
 * sockets, across restarts of the service, and changes nothing. Needs neither the lock
 * nor update_socket_protocol().
 */
#include "audit/audit.h"
#include "audit/json.h"
#include "audit/program.h"
#include "audit/reading.h"
#include "audit/text.h"
#include "audit/watch.h"
#include "host/cgroup_path.h"
#include "host/container_find.h"
#include "host/listeners.h"
#include "report.h"
#include "host/rights.h"
#include "host/socket_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

struct audit_run {
	struct cgroup cgroup;
	uint64_t id; /* of the watched cgroup; 0: none */
	struct audit_program *program;
	struct audit_watch watch;
	struct audit_report *report;
};

static bool on_loopback(const struct listener *l)
{
	struct in6_addr addr = IN6ADDR_ANY_INIT;

	if (!l->ipv6)
		return !strncmp(l->addr, "127.", 4);
	inet_pton(AF_INET6, l->addr, &addr);
	return IN6_IS_ADDR_LOOPBACK(&addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&addr) && addr.s6_addr[12] == 127);
}

static int add_listeners(struct audit_run *run, const struct cgroup_tree *tree,
			 const struct listeners *listeners)
{
	int err = 0;

	for (size_t i = 0; !err && i < listeners->n; i++) {
		const struct listener *l = &listeners->list[i];
		struct audit_row row = {
			.port = l->port,
			.role = MMA_ROLE_LISTEN,
			.loopback = on_loopback(l),
			.existing = true,
		};

		socket_command(tree, l->inode, row.command, sizeof(row.command));
		err = audit_add(run->report, &row);
	}
	return err;
}

/* Adds the listeners that existed before the program was attached. */
static int read_existing(struct audit_run *run)
{
	struct netns_set namespaces = { 0 };
	struct listeners listeners = { 0 };
	struct cgroup_tree tree;
	int err = cgroup_tree_read(run->cgroup.dir, &tree);

	if (!err)
		err = netns_add_own(&namespaces);
	if (!err)
		err = netns_add_processes(&namespaces, &tree);
	if (!err)
		err = listeners_read(&namespaces, &tree, &listeners);
	if (!err)
		err = add_listeners(run, &tree, &listeners);
	listeners_free(&listeners);
	netns_free(&namespaces);
	cgroup_tree_free(&tree);
	return err;
}

/* Attaches to the path's current cgroup: a restart creates a new one. */
static int look_again(struct audit_run *run)
{
	bool there = false;
	uint64_t id;
	int err;

	audit_watch_arm(&run->watch);
	err = cgroup_find_id(run->cgroup.dir, &id);
	if (!err && id && id == run->id)
		return 0;
	if (!err && id)
		err = audit_program_attach(run->program, run->cgroup.dir, &there);
	if (err)
		return err;
	if (!there) {
		audit_program_detach(run->program);
		if (run->id)
			detail("%s: gone; watching goes on when it is back", run->cgroup.dir);
		run->id = 0;
		return 0;
	}
	run->id = id;
	detail("%s: watching", run->cgroup.dir);
	return read_existing(run);
}

static int watch(struct audit_run *run)
{
	enum audit_woken woken = AUDIT_WOKEN_CGROUP;
	int err = look_again(run);

	if (!err && run->id)
		note("%s: watching; press ^C for the report", run->cgroup.dir);
	else if (!err)
		note("%s: does not exist yet; watching starts when it is created", run->cgroup.dir);
	while (!err) {
		err = audit_watch_wait(&run->watch, &woken);
		if (err || woken == AUDIT_WOKEN_END)
			break;
		err = look_again(run);
	}
	run->report->seconds = audit_watch_seconds(&run->watch);
	audit_program_detach(run->program);
	return err ? err : audit_program_read(run->program, run->report);
}

static void read_port_range(struct audit_report *report)
{
	FILE *file = fopen(PORT_RANGE, "re");
	unsigned long first = 0, last = 0;
	char line[64], *end;

	if (file && fgets(line, sizeof(line), file)) {
		first = strtoul(line, &end, 10);
		last = strtoul(end, NULL, 10);
	}
	if (file)
		fclose(file);
	if (!first || first > last || last > UINT16_MAX) {
		first = 32768; /* the kernel's default */
		last = 60999;
	}
	report->first_ephemeral = (uint16_t)first;
	report->last_ephemeral = (uint16_t)last;
}

static const char *path_of(const struct cgroup *cgroup)
{
	return cgroup->by_id ? cgroup->dir : cgroup->key.path;
}

/* Accepts a path, "self", or a container's name or id. */
static int resolve(const char *word, struct cgroup *ret)
{
	char dir[PATH_MAX];
	bool found;
	int err = container_find(word, dir, sizeof(dir), &found);

	return err ? err : cgroup_resolve(found ? dir : word, ret);
}

int audit_run(const struct request *request)
{
	static struct audit_report report;
	struct audit_run run = { .report = &report, .watch = { .signals = -1, .inotify = -1 } };
	int err = rights_need_root();

	if (!err)
		err = resolve(request->cgroups.list[0], &run.cgroup);
	if (!err)
		err = audit_program_load(&run.program);
	if (!err)
		err = audit_watch_begin(&run.watch, run.cgroup.dir, request->duration);
	if (!err) {
		read_port_range(&report);
		err = watch(&run);
	}
	audit_program_free(run.program);
	audit_watch_close(&run.watch);
	if (!err) {
		audit_finish(&report);
		err = request->json ? audit_print_json(&report, path_of(&run.cgroup))
				    : audit_print_text(&report, path_of(&run.cgroup));
	}
	audit_free(&report);
	return err;
}
