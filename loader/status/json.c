// SPDX-License-Identifier: GPL-2.0-only
#include "status/json.h"
#include "json_text.h"
#include "report.h"
#include "status/meaning.h"
#include "version.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1

static json_t *roles_json(int roles)
{
	json_t *list = json_array();

	if (roles & MMA_ROLE_LISTEN)
		json_array_append_new(list, json_string("listen"));
	if (roles & MMA_ROLE_CONNECT)
		json_array_append_new(list, json_string("connect"));
	return list;
}

static void add_port(json_t *ports, int port, int roles)
{
	char name[8];

	snprintf(name, sizeof(name), "%d", port);
	json_object_set_new(ports, port ? name : "all", roles_json(roles));
}

static json_t *ports_json(const struct status *status)
{
	json_t *ports = json_object();

	for (int port = 0; port < MMA_MAX_PORTS; port++)
		if (status->ports[port] >= 0)
			add_port(ports, port, status->ports[port]);
	return ports;
}

static json_t *open_ports_json(const struct status *status, const struct status_netns *netns)
{
	json_t *ports = json_object();

	for (int port = 0; port < MMA_MAX_PORTS; port++)
		if (status_open_roles(status, netns, port))
			add_port(ports, port, status_open_roles(status, netns, port));
	return ports;
}

static json_t *listeners_json(const struct status *status, const struct status_service *service)
{
	json_t *list = json_array();

	for (size_t i = 0; i < service->listeners.n; i++) {
		const struct listener *l = &service->listeners.list[i];

		json_array_append_new(
			list, json_pack("{s:s, s:i, s:s, s:o}", "addr", l->addr, "port",
					(int)l->port, "proto", l->mptcp ? "mptcp" : "tcp", "reason",
					json_text(status_listener_reason(status, service, l))));
	}
	return list;
}

static json_t *counters_json(const struct mma_stats *stats)
{
	json_t *counters = json_object();

	for (int i = 0; i < MMA_N_COUNTERS; i++)
		json_object_set_new(counters, status_counter_names[i],
				    json_integer((json_int_t)stats->counters[i]));
	return counters;
}

static json_t *connections_json(const struct status_service *service)
{
	json_t *list = json_array(), *row;

	for (size_t i = 0; i < service->n_accounts; i++) {
		const struct account_row *r = &service->accounts[i];

		row = json_pack("{s:i, s:s}", "port", (int)r->key.port, "role",
				r->key.role == MMA_ROLE_LISTEN ? "listen" : "connect");
		for (int c = 0; c < MMA_N_CONNECTIONS; c++)
			json_object_set_new(row, status_connection_names[c],
					    json_integer((json_int_t)r->account.counters[c]));
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *cgroup_json(const struct status_service *service)
{
	if (!cgroup_key_is_id(&service->key))
		return json_text(service->key.path);
	return service->by_id_path ? json_text(service->by_id_path) : json_null();
}

static json_t *container_json(const struct status_service *service)
{
	if (!service->is_container)
		return json_null();
	return json_pack("{s:s, s:o}", "engine", service->container.engine, "id",
			 json_text(service->container.id));
}

static json_t *service_json(const struct status *status, const struct status_service *service)
{
	const char *cover = service->covered_by.path;

	return json_pack("{s:o, s:o, s:o, s:I, s:b, s:b, s:s?, s:o, s:o, s:o, s:o}", "path",
			 json_text(service->key.path), "cgroup", cgroup_json(service), "container",
			 container_json(service), "id", (json_int_t)service->id, "alive",
			 service->id != 0, "upgrading", service->upgrading, "repair",
			 service->id ? status_repair_word(service) : NULL, "covered_by",
			 cover[0] ? json_text(cover) : json_null(), "listeners",
			 listeners_json(status, service), "counters",
			 counters_json(&service->stats), "connections", connections_json(service));
}

static json_t *manager_json(const struct status_netns *netns)
{
	const struct path_manager *manager = &netns->manager;

	if (netns->manager_err)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "manager",
			 manager->in_user_space ? "user space" : "kernel", "subflows",
			 (json_int_t)manager->subflows, "add_addr_accepted",
			 (json_int_t)manager->add_addr_accepted, "endpoints",
			 (json_int_t)manager->endpoints, "announced", (json_int_t)manager->signal);
}

static json_t *netns_json(const struct status *status, const struct status_netns *netns)
{
	json_t *ret = json_pack("{s:I, s:b, s:b}", "cookie", (json_int_t)netns->cookie, "covered",
				netns->covered, "reachable", netns->reachable);

	if (!netns->reachable)
		return ret;
	json_object_set_new(ret, "interfaces", json_integer((json_int_t)netns->strip.interfaces));
	json_object_set_new(ret, "uncovered", json_integer((json_int_t)netns->strip.uncovered));
	json_object_set_new(ret, "behind", json_integer((json_int_t)netns->strip.behind));
	json_object_set_new(ret, "mptcp_enabled", json_boolean(netns->mptcp_enabled == 1));
	json_object_set_new(ret, "open_ports", open_ports_json(status, netns));
	json_object_set_new(ret, "paths", manager_json(netns));
	json_object_set_new(ret, "blackhole",
			    json_pack("{s:I, s:i}", "detected", (json_int_t)netns->blackholes,
				      "timeout", netns->blackhole_timeout));
	json_object_set_new(ret, "table_full", json_integer((json_int_t)netns->table_full));
	return ret;
}

static json_t *accounting_json(const struct status *status)
{
	const char *why = status->attached ? status->uncounted : status->reason;

	return json_pack("{s:b, s:o}", "counted", why == NULL, "reason",
			 why ? json_string(why) : json_null());
}

static json_t *list_watch_json(const struct status *status)
{
	const char *why = status->attached ? status->unwatched : status->reason;

	return json_pack("{s:b, s:o}", "known", why == NULL, "reason",
			 why ? json_string(why) : json_null());
}

int status_print_json(const struct status *status)
{
	json_t *services = json_array(), *netns = json_array(), *all;
	int err = 0;

	for (size_t i = 0; i < status->n_services; i++)
		json_array_append_new(services, service_json(status, &status->services[i]));
	for (size_t i = 0; i < status->n_netns; i++)
		json_array_append_new(netns, netns_json(status, &status->netns[i]));
	all = json_pack("{s:i, s:s, s:b, s:o, s:s?, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
			"version", MMA_VERSION, "armed", status->reason == NULL, "reason",
			status->reason ? json_string(status->reason) : json_null(), "doubt",
			status->doubt, "ports", ports_json(status), "services", services, "netns",
			netns, "accounting", accounting_json(status), "list_watch",
			list_watch_json(status));
	if (!all || json_dumpf(all, stdout, JSON_INDENT(2)))
		err = fault(EIO, "--json: cannot be written");
	else
		putchar('\n');
	json_decref(all);
	return err;
}
