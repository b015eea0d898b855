// SPDX-License-Identifier: GPL-2.0-only
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

int attach_run(const struct request *request)
{
	static struct attachment attachment = { .maps = MAPS_CLOSED };
	int err = session_cgroups(request, &attachment.cgroups);

	if (err)
		return err;
	attachment.n = request->cgroups.n;
	attachment.netns = request->netns;
	attachment.no_repair = request->no_repair;
	attachment.ports = request->ports;
	if (!attachment.ports.any)
		ports_default(&attachment.ports);
	err = attachment_make(&attachment);
	if (!err)
		tell(&attachment, request);
	attachment_free(&attachment);
	free(attachment.cgroups);
	return err;
}
