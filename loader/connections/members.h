/* SPDX-License-Identifier: GPL-2.0-only */
/* Which cgroup belongs to which attached service. */
#ifndef MMA_CONNECTIONS_MEMBERS_H
#define MMA_CONNECTIONS_MEMBERS_H

#include "attached/pins.h"
#include "connections/connection.h"
#include "host/cgroup.h"
#include "host/netns.h"

#define NO_MEMBER SIZE_MAX

struct member {
	uint64_t cgroup;
	size_t service; /* the nearest attached path above, or itself */
};

struct members {
	struct connections_service *services; /* by path; the caller's to free */
	size_t n_services;
	struct member *list; /* by id */
	size_t n;
};

/* Reads the attached services with all cgroups below them, and adds the namespaces of
 * their processes; only: the cgroups of this one alone, or NULL. 0 or a fault, also where
 * no service is attached there. Start from { 0 }; members_free() leaves the services. */
int members_read(const struct maps *maps, const struct cgroup *only, struct members *ret,
		 struct netns_set *namespaces);
void members_free(struct members *members);

/* The service of a cgroup, or NO_MEMBER. */
size_t members_find(const struct members *members, uint64_t cgroup);

#endif
