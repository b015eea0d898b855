/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of --check; each adds its lines. Nothing here changes anything that outlives the
 * process. */
#ifndef MMA_CHECK_PARTS_H
#define MMA_CHECK_PARTS_H

#include "check/results.h"
#include "host/cgroup.h"
#include "host/cgroup_tree.h"
#include "host/netns.h"

/* What is checked. */
struct check_subject {
	bool root; /* root of the host, with the capabilities needed */
	bool given; /* --cgroup was given and resolved */
	struct cgroup cgroup;
	bool there;
	struct cgroup_tree tree; /* of the cgroup, if it exists */
	struct netns_set namespaces; /* of its processes, else ours; none: only ours is visible */
};

void check_rights(struct checks *checks, struct check_subject *subject); /* sets root */
void check_kernel(struct checks *checks, const struct check_subject *subject);
void check_trials(struct checks *checks, const struct check_subject *subject);
void check_bpffs(struct checks *checks, const struct check_subject *subject);
void check_network(struct checks *checks, const struct check_subject *subject);
void check_paths(struct checks *checks, const struct check_subject *subject);
void check_containers(struct checks *checks);
void check_service(struct checks *checks, const struct check_subject *subject);

#endif
