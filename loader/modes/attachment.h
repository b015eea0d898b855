/* SPDX-License-Identifier: GPL-2.0-only */
/* Attaches cgroups, for the modes --cgroup and --oci. */
#ifndef MMA_ATTACHMENT_H
#define MMA_ATTACHMENT_H

#include "attached/pins.h"
#include "attached/services.h"
#include "host/cgroup.h"
#include "host/netns.h"
#include "ports.h"
#include "request.h"

/* Initialise it to { .maps = MAPS_CLOSED } and fill in the first part. */
struct attachment {
	struct cgroup *cgroups;
	size_t n;
	struct words netns; /* to cover besides those of the cgroups' processes */
	const struct port_list *ports; /* to add to the allowlist */
	bool ports_if_empty; /* but only if it has no entry */
	bool no_repair;

	bool *is_new; /* by cgroup: this run attached it */
	struct slots slots;
	struct netns_set namespaces;
	struct maps maps;
	struct mma *programs; /* loaded by this run, or NULL */
	bool fresh; /* nothing was attached before */
	bool ports_edited;
	struct port_undo undo;
};

/* Attaches all of it or nothing. Returns 0 or a fault. The caller calls attachment_free() in
 * both cases, and still owns the cgroups. */
int attachment_make(struct attachment *attachment);
void attachment_free(struct attachment *attachment);

#endif
