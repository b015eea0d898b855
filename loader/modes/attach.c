// SPDX-License-Identifier: GPL-2.0-only
#include "host/leave.h"
#include "modes/advice.h"
#include "modes/attachment.h"
#include "modes/modes.h"
#include "modes/session.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(const struct attachment *done, const struct request *request)
{
	char name[4 * MMA_PATH_SIZE];

	for (size_t i = 0; i < request->cgroups.n; i++) {
		const struct cgroup *cgroup = &done->cgroups[i];

		printf("%s %s\n", done->is_new[i] ? "attached" : "already attached",
		       visible(cgroup->key.path, name, sizeof(name)));
		advise_attached(cgroup);
		if (!request->no_repair && strcmp(request->cgroups.list[i], "self"))
			advise_repair(cgroup);
	}
	for (size_t i = 0; i < done->namespaces.n; i++)
		advise_namespace(&done->namespaces.list[i]);
}

/* With "self", the cgroup belongs to a service, and its memory and CPU time are for the server.
 * An OOM kill here would end the start in spite of the "-" of ExecStartPre=. */
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
	static struct attachment attachment = { .maps = MAPS_CLOSED };
	int err = session_cgroups(request, &attachment.cgroups);

	if (err)
		return err;
	leave_service(request);
	attachment.n = request->cgroups.n;
	attachment.netns = request->netns;
	attachment.no_repair = request->no_repair;
	attachment.ports = request->ports.any ? &request->ports : ports_default();
	err = attachment_make(&attachment);
	if (!err)
		tell(&attachment, request);
	attachment_free(&attachment);
	free(attachment.cgroups);
	return err;
}
