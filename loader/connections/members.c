// SPDX-License-Identifier: GPL-2.0-only
#include "connections/members.h"
#include "attached/services.h"
#include "host/cgroup.h"
#include "host/cgroup_tree.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_member_service(const struct mma_path_key *key, const struct mma_path *path,
			      void *data)
{
	struct members *ret = data;
	struct connections_service *list =
		realloc(ret->services, (ret->n_services + 1) * sizeof(*list));

	(void)path;
	if (!list)
		return fault(ENOMEM, "services: out of memory");
	ret->services = list;
	list[ret->n_services++] = (struct connections_service){ .path = *key };
	return 0;
}

static int by_service_path(const void *a, const void *b)
{
	return strcmp(((const struct connections_service *)a)->path.path,
		      ((const struct connections_service *)b)->path.path);
}

/* Of two services, the later in path order is nearer: it goes first. */
static int by_cgroup(const void *a, const void *b)
{
	const struct member *one = a, *other = b;

	if (one->cgroup != other->cgroup)
		return one->cgroup < other->cgroup ? -1 : 1;
	if (one->service != other->service)
		return one->service > other->service ? -1 : 1;
	return 0;
}

static int add_members(struct members *ret, size_t service, const struct cgroup_tree *tree,
		       const struct cgroup_tree *only)
{
	struct member *list = realloc(ret->list, (ret->n + tree->n_ids) * sizeof(*list));

	if (!list && ret->n + tree->n_ids)
		return fault(ENOMEM, "services: out of memory");
	ret->list = list;
	for (size_t i = 0; i < tree->n_ids; i++)
		if (!only || cgroup_tree_has(only, tree->ids[i]))
			list[ret->n++] = (struct member){ tree->ids[i], service };
	return 0;
}

static int read_members(struct members *ret, size_t service, const struct mount *mount,
			const struct cgroup_tree *only, struct netns_set *namespaces)
{
	struct cgroup_tree tree = { 0 };
	struct cgroup cgroup;
	bool there;
	int err;

	err = cgroup_of_key_on(mount, &ret->services[service].path, &cgroup, &there);
	if (err || !there)
		return err;
	err = cgroup_tree_read(cgroup.dir, &tree);
	if (!err)
		err = add_members(ret, service, &tree, only);
	if (!err)
		err = netns_add_processes(namespaces, &tree);
	cgroup_tree_free(&tree);
	return err;
}

/* Keeps each id once, with its nearest service. */
static void keep_nearest(struct members *members)
{
	size_t kept = 0;

	if (members->n)
		qsort(members->list, members->n, sizeof(*members->list), by_cgroup);
	for (size_t i = 0; i < members->n; i++)
		if (!kept || members->list[kept - 1].cgroup != members->list[i].cgroup)
			members->list[kept++] = members->list[i];
	members->n = kept;
}

static bool has_service(const struct members *members, const struct cgroup *cgroup)
{
	bool found = members->n > 0;

	for (size_t i = 0; i < members->n_services; i++)
		found |= !strcmp(members->services[i].path.path, cgroup->key.path);
	return found;
}

int members_read(const struct maps *maps, const struct cgroup *only, struct members *ret,
		 struct netns_set *namespaces)
{
	struct cgroup_tree chosen = { 0 };
	struct mount mount;
	int err = only ? cgroup_tree_read(only->dir, &chosen) : 0;

	if (!err)
		err = services_each(maps, add_member_service, ret);
	if (ret->n_services)
		qsort(ret->services, ret->n_services, sizeof(*ret->services), by_service_path);
	if (!err && ret->n_services)
		err = cgroup_mount(&mount);
	for (size_t i = 0; !err && i < ret->n_services; i++)
		err = read_members(ret, i, &mount, only ? &chosen : NULL, namespaces);
	keep_nearest(ret);
	if (!err && only && !has_service(ret, only))
		err = fault(ENOENT, "%s: not attached; see --status for what is", only->dir);
	cgroup_tree_free(&chosen);
	return err;
}

void members_free(struct members *members)
{
	free(members->list);
	members->list = NULL;
	members->n = 0;
}

size_t members_find(const struct members *members, uint64_t cgroup)
{
	size_t low = 0, high = members->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (members->list[middle].cgroup < cgroup)
			low = middle + 1;
		else
			high = middle;
	}
	return low < members->n && members->list[low].cgroup == cgroup ? members->list[low].service
								       : NO_MEMBER;
}
