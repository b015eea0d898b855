// SPDX-License-Identifier: GPL-2.0-only
#include "modes/modes.h"
#include "host/leave.h"
#include "attached/programs.h"
#include "attached/repair.h"
#include "report.h"
#include "attached/services.h"
#include "modes/session.h"
#include "attached/strip_cover.h"
#include "attached/teardown.h"
#include "modes/advice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One run, and what it has to take back if it fails. */
struct run {
	const struct request *request;
	struct port_list ports;
	struct cgroup *cgroups;
	bool *is_new; /* by cgroup: attached by this run */
	struct slots slots;
	struct netns_set namespaces;
	struct maps maps;
	struct mma *programs; /* loaded by this run, or NULL */
	bool fresh; /* nothing was attached before */
	bool ports_edited;
	struct port_undo undo;
};

static int open_or_load(struct run *run)
{
	bool attached;
	int err = session_begin(&run->maps, &attached);

	if (err || (attached && programs_are_current(&run->maps)))
		return err;
	run->fresh = !attached;
	maps_close(&run->maps);
	err = pins_prepare();
	return err ? err : programs_load(&run->programs, &run->maps);
}

static int cover_namespaces(struct run *run)
{
	const struct request *request = run->request;
	int err = netns_add_own(&run->namespaces);

	for (size_t i = 0; !err && i < request->cgroups.n; i++)
		err = session_add_namespaces(&run->cgroups[i], &run->namespaces);
	for (size_t i = 0; !err && i < request->netns.n; i++)
		err = netns_add_path(&run->namespaces, request->netns.list[i]);
	for (size_t i = 0; !err && i < run->namespaces.n; i++)
		err = strip_cover(&run->maps, &run->namespaces.list[i]);
	return err;
}

/*
 * The order is what keeps rule 2 at every instant, killed anywhere: the list
 * first, then strip wherever it may be needed, then follow, then the services,
 * and the upgrade program last, if this run loaded one.
 */
static int attach_all(struct run *run)
{
	int err = ports_edit(run->maps.ports, &run->ports, ports_added, &run->undo);

	run->ports_edited = !err;
	if (!err)
		err = cover_namespaces(run);
	if (!err && run->programs)
		err = programs_attach_follow(run->programs);
	for (size_t i = 0; !err && i < run->request->cgroups.n; i++)
		err = service_attach(&run->maps, &run->cgroups[i], &run->slots, &run->is_new[i]);
	if (!err && run->programs)
		err = programs_commit(run->programs, &run->maps);
	return err;
}

static void tidy(const struct run *run)
{
	session_tidy(&run->maps);
	if (run->programs)
		session_tidy_services(&run->maps);
}

/* After all that could fail: it keeps no attach from being done. */
static void repair(const struct run *run)
{
	for (size_t i = 0; i < run->request->cgroups.n; i++) {
		repair_choose(&run->maps, &run->cgroups[i].key, !run->request->no_repair);
		repair_apply(&run->maps, &run->cgroups[i]);
	}
}

static void take_back(struct run *run)
{
	bool was_attached;

	if (run->fresh) {
		teardown(&run->maps);
		return;
	}
	for (size_t i = 0; i < run->request->cgroups.n; i++)
		if (run->is_new[i])
			service_detach(&run->maps, &run->cgroups[i], &was_attached);
	if (run->ports_edited)
		ports_undo(run->maps.ports, &run->ports, &run->undo);
}

static void tell(const struct run *run)
{
	char name[4 * MMA_PATH_SIZE];

	for (size_t i = 0; i < run->request->cgroups.n; i++) {
		const struct cgroup *cgroup = &run->cgroups[i];

		printf("%s %s\n", run->is_new[i] ? "attached" : "already attached",
		       visible(cgroup->key.path, name, sizeof(name)));
		advise_attached(cgroup);
		if (!run->request->no_repair && strcmp(run->request->cgroups.list[i], "self"))
			advise_repair(cgroup);
	}
	for (size_t i = 0; i < run->namespaces.n; i++)
		advise_namespace(&run->namespaces.list[i]);
}

/* "self": the cgroup is a service's, and its server's memory and time are not ours. A
 * kill for want of memory would end the start, whatever the "-" of ExecStartPre= says. */
static void leave_service(const struct request *request)
{
	for (size_t i = 0; i < request->cgroups.n; i++) {
		int err;

		if (strcmp(request->cgroups.list[i], "self"))
			continue;
		err = leave_cgroup();
		if (err)
			detail("self: cannot be left while programs are loaded (%s); the limits of this cgroup apply",
			       strerror(-err));
		return;
	}
}

int attach_run(const struct request *request)
{
	static struct run run = { .maps = MAPS_CLOSED };
	int err;

	run.request = request;
	run.ports = request->ports;
	if (!run.ports.any)
		ports_default(&run.ports);
	err = session_cgroups(request, &run.cgroups);
	if (err)
		return err;
	leave_service(request);
	run.is_new = calloc(request->cgroups.n, sizeof(*run.is_new));
	err = run.is_new ? open_or_load(&run) : fault(ENOMEM, "cgroups: out of memory");
	if (!err) {
		err = attach_all(&run);
		if (err) {
			take_back(&run);
		} else {
			tidy(&run);
			repair(&run);
			tell(&run);
		}
	} else if (run.fresh) {
		teardown(&run.maps);
	}
	programs_free(run.programs);
	maps_close(&run.maps);
	netns_free(&run.namespaces);
	free(run.cgroups);
	free(run.is_new);
	return err;
}
