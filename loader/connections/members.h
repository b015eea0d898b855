/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps each cgroup to its attached service. */
#ifndef MMA_CONNECTIONS_MEMBERS_H
#define MMA_CONNECTIONS_MEMBERS_H

#include "attached/pins.h"
#include "connections/connection.h"
#include "host/cgroup.h"
#include "host/netns.h"

#define NO_MEMBER SIZE_MAX

struct member {
	uint64_t cgroup;
	size_t service; /* the nearest attached path: the cgroup's own or an ancestor's */
};

struct members {
	struct connections_service *services; /* sorted by path; the caller frees it */
	size_t n_services;
	struct member *list; /* sorted by id */
	size_t n;
};

/*
 * Reads the attached services with all cgroups below them, and adds the namespaces of their
 * processes. only: just this cgroup and those below it, or NULL. Returns 0 or a fault, which
 * includes that no service is attached there. Initialise ret to { 0 }; members_free() does not
 * free the services.
 */
int members_read(const struct maps *maps, const struct cgroup *only, struct members *ret,
		 struct netns_set *namespaces);
void members_free(struct members *members);

/* The service of a cgroup, or NO_MEMBER. */
size_t members_find(const struct members *members, uint64_t cgroup);

#endif
