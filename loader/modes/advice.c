// SPDX-License-Identifier: GPL-2.0-only
#include "modes/advice.h"
#include "host/cgroup_find.h"
#include "host/cgroup_tree.h"
#include "host/listeners.h"
#include "report.h"
#include "attached/services.h"
#include "modes/session.h"
#include "systemd/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMED 1024

/* "systemctl restart postfix.service" for a unit's cgroup. */
static const char *restart_of(const struct cgroup *cgroup)
{
	static char text[MMA_PATH_SIZE + 32];
	const char *unit = unit_of_path(cgroup->key.path);

	if (!unit)
		return "restart what listens there";
	snprintf(text, sizeof(text), "systemctl restart %s", unit);
	return text;
}

static int read_listeners(const struct cgroup *cgroup, struct listeners *ret)
{
	struct netns_set namespaces = { 0 };
	struct cgroup_tree tree;
	int err = cgroup_tree_read(cgroup->dir, &tree);

	if (!err)
		err = netns_add_processes(&namespaces, &tree);
	if (!err)
		err = listeners_read(&namespaces, &tree, ret);
	netns_free(&namespaces);
	cgroup_tree_free(&tree);
	return err;
}

static void name_listeners(const struct cgroup *cgroup, bool mptcp, const char *what)
{
	struct listeners listeners = { 0 };
	char names[MAX_NAMED] = "", text[LISTENER_TEXT];
	size_t used = 0;

	if (read_listeners(cgroup, &listeners)) {
		fault_drop();
		note("%s: its listeners cannot be listed; those that exist %s", cgroup->key.path,
		     what);
		return;
	}
	for (size_t i = 0; i < listeners.n; i++) {
		if (listeners.list[i].mptcp != mptcp)
			continue;
		listener_text(&listeners.list[i], text);
		if (used + strlen(text) + 8 < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", text);
	}
	if (used)
		note("%s: the listeners on %s %s until the service restarts: %s", cgroup->key.path,
		     names, what, restart_of(cgroup));
	listeners_free(&listeners);
}

void advise_attached(const struct cgroup *cgroup)
{
	uint64_t id;

	if (cgroup->by_id)
		note("%s: attached by id, because paths cannot be followed in a cgroup namespace; to survive restarts, attach from the host",
		     cgroup->dir);
	if (cgroup_id(cgroup->dir, &id) || id)
		name_listeners(cgroup, false, "stay TCP");
	else if (cgroup_is_unit(cgroup->key.path + 1))
		note("%s: does not exist yet; it is attached when it is created; the cgroup of a systemd unit is more likely /system.slice%s",
		     cgroup->key.path, cgroup->key.path);
	else
		note("%s: does not exist yet; it is attached when it is created", cgroup->key.path);
}

void advise_repair(const struct cgroup *cgroup)
{
	const char *unit = unit_of_path(cgroup->key.path);
	uint64_t id;
	bool gone = !cgroup_id(cgroup->dir, &id) && !id;

	if (cgroup->by_id)
		return;
	note("%s: socket options %s; run --refresh then%s%s", cgroup->key.path,
	     gone ? "can be repaired only once it exists"
		  : "are repaired only until the service restarts",
	     unit ? ", or have it attached at each start: --enable " : "", unit ? unit : "");
}

void advise_detached(const struct cgroup *cgroup)
{
	name_listeners(cgroup, true, "speak MPTCP on every port");
}

static int ask_enabled(const struct netns *netns, void *data)
{
	(void)netns;
	*(int *)data = netns_mptcp_enabled();
	return 0;
}

void advise_namespace(const struct netns *netns)
{
	int enabled = 1;

	if (netns_run(netns, ask_enabled, &enabled))
		fault_drop();
	else if (!enabled)
		note("network namespace %" PRIu64
		     ": MPTCP is switched off, so sockets stay TCP; switch it on: sysctl -w net.mptcp.enabled=1",
		     netns->cookie);
}
