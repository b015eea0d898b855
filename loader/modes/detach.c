// SPDX-License-Identifier: GPL-2.0-only
#include "modes/advice.h"
#include "modes/modes.h"
#include "report.h"
#include "attached/services.h"
#include "modes/session.h"
#include "attached/teardown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The cgroups of all attached paths, kept for the advice after their entries are gone. */
struct all {
	struct cgroup *list;
	size_t n;
};

static int collect(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	struct all *all = data;
	struct cgroup *list = realloc(all->list, (all->n + 1) * sizeof(*all->list));
	bool there;
	int err;

	(void)path;
	if (!list)
		return fault(ENOMEM, "paths: out of memory");
	all->list = list;
	err = cgroup_of_key(key, &all->list[all->n], &there);
	if (!err && there)
		all->n++;
	return err;
}

static int detach_all(const struct maps *maps)
{
	struct all all = { 0 };
	int err = services_each(maps, collect, &all);

	if (!err)
		err = teardown(maps);
	for (size_t i = 0; !err && i < all.n; i++)
		advise_detached(&all.list[i]);
	free(all.list);
	if (!err)
		printf("detached everything\n");
	return err;
}

static int detach_one(const struct maps *maps, const struct cgroup *cgroup)
{
	struct mma_path_key cover;
	char name[4 * MMA_PATH_SIZE];
	bool was_attached;
	struct cgroup by_id = *cgroup;
	int err = service_detach(maps, cgroup, &was_attached);

	/* A container is attached by id, but --status shows its path, so try both. */
	if (!err && !was_attached && !cgroup->by_id && !cgroup_by_id(&by_id))
		err = service_detach(maps, &by_id, &was_attached);
	if (err)
		return err;
	if (!was_attached) {
		note("%s: was not attached", cgroup->key.path);
		return 0;
	}
	printf("detached %s\n", visible(cgroup->key.path, name, sizeof(name)));
	if (service_cover(maps, &cgroup->key, &cover))
		note("%s: still attached through %s; detach that one, too", cgroup->key.path,
		     cover.path);
	return 0;
}

static int detach_named(const struct request *request, const struct maps *maps)
{
	struct cgroup *cgroups;
	size_t left;
	int err = session_cgroups(request, &cgroups);

	if (err)
		return err;
	for (size_t i = 0; !err && i < request->cgroups.n; i++)
		err = detach_one(maps, &cgroups[i]);
	if (!err)
		err = services_count(maps, &left);
	/* Without a service, strip has no work either: from here on, the remaining listeners
	 * speak MPTCP on every port. */
	if (!err && !left) {
		err = teardown(maps);
		for (size_t i = 0; !err && i < request->cgroups.n; i++)
			advise_detached(&cgroups[i]);
	} else if (!err) {
		session_cover(maps);
		session_tidy(maps);
	}
	free(cgroups);
	return err;
}

int detach_run(const struct request *request)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err = session_begin(&maps, &attached);

	if (!err)
		err = pins_need_writable();
	if (err) {
		maps_close(&maps);
		return err;
	}
	if (!attached) {
		/* Nothing, or what a killed run left. */
		err = teardown(&maps);
		if (!err)
			note("nothing is attached");
		return err;
	}
	if (request->cgroups.n)
		err = detach_named(request, &maps);
	else
		err = detach_all(&maps);
	maps_close(&maps);
	return err;
}
