// SPDX-License-Identifier: GPL-2.0-only
#include "attached/observers.h"
#include "modes/modes.h"
#include "attached/netns_find.h"
#include "attached/programs.h"
#include "attached/repair.h"
#include "report.h"
#include "attached/services.h"
#include "modes/session.h"
#include "attached/strip_cover.h"

#include <errno.h>
#include <stdio.h>

/* Collects the namespaces of an attached path's processes, and enters its id again in case it
 * was missed. */
struct refresh {
	const struct maps *maps;
	struct slots slots;
	struct netns_set namespaces;
};

static int add_service(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	struct refresh *refresh = data;
	struct cgroup cgroup;
	bool there, is_new;
	int err = cgroup_of_key(key, &cgroup, &there);

	(void)path;
	if (err || !there) /* nothing runs in it */
		return err;
	err = session_add_namespaces(&cgroup, &refresh->namespaces);
	if (!err)
		err = service_attach(refresh->maps, &cgroup, &refresh->slots, &is_new);
	if (!err)
		repair_apply(refresh->maps, &cgroup);
	return err;
}

static int refresh_all(struct maps *maps)
{
	struct refresh refresh = { .maps = maps };
	struct mma *programs = NULL;
	int err = 0;

	if (!programs_are_current(maps) || observers_may_return()) {
		maps_close(maps);
		err = pins_prepare();
		if (!err)
			err = programs_load(&programs, maps);
	}
	if (!err)
		err = netns_add_own(&refresh.namespaces);
	if (!err && programs)
		err = programs_attach_follow(programs);
	if (!err)
		err = services_each(maps, add_service, &refresh);
	if (!err)
		err = netns_add_covered(&refresh.namespaces, maps);
	for (size_t i = 0; !err && i < refresh.namespaces.n; i++)
		err = strip_cover(maps, &refresh.namespaces.list[i]);
	if (!err && programs)
		err = programs_commit(programs, maps);
	if (!err) {
		session_tidy(maps);
		session_tidy_services(maps);
	}
	netns_free(&refresh.namespaces);
	programs_free(programs);
	return err;
}

int refresh_run(const struct request *request)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err = session_begin(&maps, &attached);

	(void)request;
	if (err)
		return err;
	if (!attached) {
		note("nothing is attached, so there is nothing to refresh");
		return 0;
	}
	err = refresh_all(&maps);
	maps_close(&maps);
	if (!err)
		printf("refreshed\n");
	return err;
}
