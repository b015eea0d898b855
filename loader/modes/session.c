// SPDX-License-Identifier: GPL-2.0-only
#include "modes/session.h"
#include "host/cgroup_path.h"
#include "host/cgroup_tree.h"
#include "host/rights.h"
#include "attached/hidden.h"
#include "attached/lock.h"
#include "attached/netns_find.h"
#include "attached/repair.h"
#include "report.h"
#include "attached/services.h"
#include "attached/strip_cover.h"
#include "attached/strip_links.h"
#include "attached/summary.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int session_begin(struct maps *ret, bool *ret_attached)
{
	int err = rights_need_root();

	if (!err)
		err = lock_take();
	if (!err)
		err = maps_open(ret, ret_attached);
	return err || *ret_attached ? err : hidden_look();
}

int session_cgroups(const struct request *request, struct cgroup **ret)
{
	struct cgroup *cgroups = calloc(request->cgroups.n, sizeof(*cgroups));
	int err = 0;

	if (!cgroups)
		return fault(ENOMEM, "cgroups: out of memory");
	for (size_t i = 0; !err && i < request->cgroups.n; i++)
		err = cgroup_resolve(request->cgroups.list[i], &cgroups[i]);
	if (err)
		free(cgroups);
	else
		*ret = cgroups;
	return err;
}

/* The run's own work is done, so a failure is only a note. */
static void note_failure(int err)
{
	if (err)
		fault_note(
			NULL,
			"not everything that is no longer in use could be removed; the next run tries again");
}

void session_sweep(const struct maps *maps)
{
	note_failure(services_sweep_by_id(maps));
	note_failure(strip_sweep(maps));
	note_failure(repair_sweep(maps));
	note_failure(pins_sweep());
}

void session_tidy(const struct maps *maps)
{
	session_sweep(maps);
	summary_narrow(maps);
}

void session_tidy_services(const struct maps *maps)
{
	note_failure(services_sweep(maps));
}

void session_cover(const struct maps *maps)
{
	struct netns_set set = { 0 };
	struct mma_netns entry;
	int err = netns_add_own(&set);

	if (!err)
		err = netns_add_covered(&set, maps);
	for (size_t i = 0; !err && i < set.n; i++)
		if (!bpf_map_lookup_elem(maps->netns, &set.list[i].cookie, &entry))
			err = strip_cover(maps, &set.list[i]);
	if (err)
		fault_note(NULL, NULL);
	netns_free(&set);
}

int session_add_namespaces(const struct cgroup *cgroup, struct netns_set *set)
{
	struct cgroup_tree tree;
	int err = cgroup_tree_read(cgroup->dir, &tree);

	if (!err)
		err = netns_add_processes(set, &tree);
	cgroup_tree_free(&tree);
	return err;
}
