// SPDX-License-Identifier: GPL-2.0-only
#include "status/reading.h"
#include "attached/hidden.h"
#include "attached/observers.h"
#include "host/cgroup_tree.h"
#include "host/netstat.h"
#include "attached/programs.h"
#include "attached/repair.h"
#include "report.h"
#include "attached/services.h"
#include "attached/summary.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_ports(const struct maps *maps, struct status *status)
{
	uint16_t port, *previous = NULL;
	uint8_t roles;

	while (!bpf_map_get_next_key(maps->ports, previous, &port)) {
		if (!bpf_map_lookup_elem(maps->ports, &port, &roles))
			status->ports[port] = roles;
		previous = &port;
	}
}

struct gather {
	const struct maps *maps;
	struct status *status;
	struct mount mount; /* cgroup2's */
	struct repair_programs repair;
	struct netns_set namespaces;
	struct cgroup_tree *trees; /* of each service; no ids: its cgroup does not exist */
};

static int read_service_tree(struct gather *gather, struct status_service *service, int dir_fd,
			     const char *dir, struct cgroup_tree *ret_tree)
{
	struct mma_service_ref ref;
	int err;

	service->upgrading = !bpf_map_lookup_elem(gather->maps->cgroups, &service->id, &ref);
	service->repair = repair_in_place(&gather->repair, dir_fd);
	err = cgroup_tree_read_at(dir_fd, dir, ret_tree);
	return err ? err : netns_add_processes(&gather->namespaces, ret_tree);
}

/* The key of a service attached by id is not its path, so look that up. */
static int read_by_id_path(struct status_service *service)
{
	char path[PATH_MAX];
	bool there;
	int err = cgroup_path_of_id(service->id, path, sizeof(path), &there);

	if (err || !there)
		return err;
	service->is_container = container_of_path(path, &service->container);
	service->by_id_path = strdup(path);
	return service->by_id_path ? 0 : fault(ENOMEM, "services: out of memory");
}

/* Reads the cgroup, if it exists. */
static int read_service_cgroup(struct gather *gather, struct status_service *service,
			       struct cgroup_tree *ret_tree)
{
	struct cgroup cgroup;
	bool there;
	int fd, err = cgroup_of_key_on(&gather->mount, &service->key, &cgroup, &there);

	if (err || !there)
		return err;
	err = cgroup_open(cgroup.dir, &fd, &service->id);
	if (fd < 0)
		return err;
	if (cgroup.by_id)
		err = read_by_id_path(service);
	if (!err)
		err = read_service_tree(gather, service, fd, cgroup.dir, ret_tree);
	close(fd);
	return err;
}

static int read_service(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	struct gather *gather = data;
	struct status *status = gather->status;
	struct status_service service = { .key = *key }, *list;
	struct cgroup_tree *trees;
	int err;

	if (!service_cover(gather->maps, key, &service.covered_by))
		service.covered_by.path[0] = '\0';
	service.no_repair = path->flags & MMA_PATH_NO_REPAIR;
	service.accounts = accounts_of(&status->accounts, path->slot, &service.n_accounts);
	err = service_stats(gather->maps, path->slot, &service.stats);
	list = realloc(status->services, (status->n_services + 1) * sizeof(*list));
	if (!list)
		return fault(ENOMEM, "services: out of memory");
	status->services = list;
	trees = realloc(gather->trees, (status->n_services + 1) * sizeof(*trees));
	if (!trees)
		return fault(ENOMEM, "services: out of memory");
	gather->trees = trees;
	trees[status->n_services] = (struct cgroup_tree){ 0 };
	if (!err)
		err = read_service_cgroup(gather, &service, &trees[status->n_services]);
	status->services[status->n_services++] = service;
	return err;
}

static void read_rights(struct listeners *listeners, const struct cgroup_tree *tree)
{
	for (size_t i = 0; i < listeners->n; i++)
		if (!listeners->list[i].mptcp)
			listeners->list[i].right = socket_right(tree, listeners->list[i].inode);
}

/* Reads the listeners once for all services, if the cgroup of one exists. */
static int read_all_listeners(const struct gather *gather)
{
	struct status *status = gather->status;
	struct listeners all = { 0 };
	size_t there = 0;
	int err = 0;

	for (size_t i = 0; i < status->n_services; i++)
		there += gather->trees[i].n_ids > 0;
	if (there)
		err = listeners_read_all(&gather->namespaces, &all);
	for (size_t i = 0; all.n && i < status->n_services && !err; i++) {
		err = listeners_of(&all, &gather->trees[i], &status->services[i].listeners);
		read_rights(&status->services[i].listeners, &gather->trees[i]);
	}
	listeners_free(&all);
	return err;
}

static void gather_free(struct gather *gather)
{
	for (size_t i = 0; gather->trees && i < gather->status->n_services; i++)
		cgroup_tree_free(&gather->trees[i]);
	free(gather->trees);
	netns_free(&gather->namespaces);
}

static int measure_netns(const struct netns *netns, void *data)
{
	struct status_netns *ret = data;

	(void)netns;
	ret->mptcp_enabled = netns_mptcp_enabled();
	ret->manager_err = path_manager_read(&ret->manager);
	ret->blackholes = netstat_mptcp("Blackhole");
	ret->table_full = netstat_mptcp(NETSTAT_TABLE_FULL);
	ret->unprivileged_port =
		(int)sysctl_number("/proc/sys/net/ipv4/ip_unprivileged_port_start");
	ret->blackhole_timeout = (int)sysctl_number("/proc/sys/net/mptcp/blackhole_timeout");
	return 0;
}

/* Adds an entry, zeroed; NULL if memory runs out. */
static struct status_netns *add_netns(struct status *status)
{
	struct status_netns *list = realloc(status->netns, (status->n_netns + 1) * sizeof(*list));

	if (!list)
		return NULL;
	status->netns = list;
	return memset(&list[status->n_netns++], 0, sizeof(*list));
}

static int read_namespace(const struct maps *maps, const struct netns *netns, struct status *status)
{
	struct status_netns *ret = add_netns(status);
	struct mma_netns entry;
	int err;

	if (!ret)
		return fault(ENOMEM, "network namespaces: out of memory");
	ret->cookie = netns->cookie;
	ret->reachable = true;
	ret->covered = !bpf_map_lookup_elem(maps->netns, &netns->cookie, &entry);
	err = strip_measure(netns, &ret->strip);
	return err ? err : netns_run(netns, measure_netns, ret);
}

static bool has_netns(const struct status *status, uint64_t cookie)
{
	for (size_t i = 0; i < status->n_netns; i++)
		if (status->netns[i].cookie == cookie)
			return true;
	return false;
}

/* Adds the namespaces of the map `netns` that have no process of a service now. */
static int read_unreachable(const struct maps *maps, struct status *status)
{
	uint64_t cookie, *previous = NULL;
	struct status_netns *ret;

	while (!bpf_map_get_next_key(maps->netns, previous, &cookie)) {
		previous = &cookie;
		if (has_netns(status, cookie))
			continue;
		ret = add_netns(status);
		if (!ret)
			return fault(ENOMEM, "network namespaces: out of memory");
		ret->cookie = cookie;
		ret->covered = true;
	}
	return 0;
}

static int read_namespaces(struct gather *gather)
{
	int err = 0;

	for (size_t i = 0; !err && i < gather->namespaces.n; i++)
		err = read_namespace(gather->maps, &gather->namespaces.list[i], gather->status);
	return err ? err : read_unreachable(gather->maps, gather->status);
}

static int by_path(const void *a, const void *b)
{
	const struct status_service *one = a, *other = b;

	return strcmp(one->key.path, other->key.path);
}

static int read_attachment(const struct maps *maps, struct status *status)
{
	struct gather gather = { .maps = maps, .status = status, .repair = repair_programs_read() };
	size_t services;
	int err = services_count(maps, &services);

	if (err)
		return err;
	status->attached = true;
	if (!programs_armed(&status->reason) && !services)
		status->reason = "no service is attached";
	status->doubt = status->reason ? NULL : programs_doubt();
	status->uncounted = observer_reason(OBSERVER_ACCOUNT);
	status->unwatched = observer_reason(OBSERVER_LIST);
	if (!status->unwatched && !summary_is_known(maps))
		status->unwatched =
			"the list was edited since the last run; run --refresh to update the summary";
	read_ports(maps, status);
	err = accounts_read(maps, &status->accounts);
	if (!err)
		err = netns_add_own(&gather.namespaces);
	if (!err && services)
		err = cgroup_mount(&gather.mount);
	if (!err)
		err = services_each(maps, read_service, &gather);
	if (!err)
		err = read_all_listeners(&gather);
	if (!err)
		err = read_namespaces(&gather);
	if (status->n_services)
		qsort(status->services, status->n_services, sizeof(*status->services), by_path);
	gather_free(&gather);
	return err;
}

int status_read(struct status *ret)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err, hidden;

	memset(ret, 0, sizeof(*ret));
	ret->reason = "nothing is attached";
	memset(ret->ports, 0xff, sizeof(ret->ports)); /* -1 */
	err = maps_open(&maps, &attached);
	if (!err && attached) /* else "nothing is attached" is the answer */
		err = read_attachment(&maps, ret);
	hidden = err ? 0 : hidden_look();
	if (!attached)
		err = hidden ? hidden : err;
	else if (hidden) /* a note: the report shows the visible attachment */
		fault_note(NULL, NULL);
	maps_close(&maps);
	return err;
}

static void service_free(struct status_service *service)
{
	listeners_free(&service->listeners);
	free(service->by_id_path);
}

void status_free(struct status *status)
{
	for (size_t i = 0; i < status->n_services; i++)
		service_free(&status->services[i]);
	free(status->services);
	free(status->netns);
	accounts_free(&status->accounts);
}
