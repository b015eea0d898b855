/* SPDX-License-Identifier: GPL-2.0-only */
/* Cgroups being attached, for the modes that do that: --cgroup and --oci. */
#ifndef MMA_ATTACHMENT_H
#define MMA_ATTACHMENT_H

#include "attached/pins.h"
#include "attached/services.h"
#include "host/cgroup.h"
#include "host/netns.h"
#include "ports.h"
#include "request.h"

/* To start from { .maps = MAPS_CLOSED }, with the first part filled in. */
struct attachment {
	struct cgroup *cgroups;
	size_t n;
	struct words netns; /* to be covered besides those of the cgroups' processes */
	struct port_list ports; /* to be added to the allowlist */
	bool ports_if_empty; /* but only where it has no entry */
	bool no_repair;

	bool *is_new; /* by cgroup: attached by this run */
	struct slots slots;
	struct netns_set namespaces;
	struct maps maps;
	struct mma *programs; /* loaded by this run, or NULL */
	bool fresh; /* nothing was attached before */
	bool ports_edited;
	struct port_undo undo;
};

/* Attaches all of it, or nothing: 0 or a fault. To be freed in both cases; the
 * cgroups stay the caller's. */
int attachment_make(struct attachment *attachment);
void attachment_free(struct attachment *attachment);

#endif
