// SPDX-License-Identifier: GPL-2.0-only
#include "status/meaning.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

bool status_listens_allowed(const struct status *status, uint16_t port)
{
	int roles = status->ports[port];

	if (roles < 0)
		roles = status->ports[MMA_PORT_ALL];
	return roles > 0 && (roles & MMA_ROLE_LISTEN);
}

int status_open_roles(const struct status *status, const struct status_netns *netns, int port)
{
	int roles = status->ports[port];

	if (roles < 0)
		return MMA_ROLE_NONE;
	if (port != MMA_PORT_ALL && netns->unprivileged_port >= 0 &&
	    port < netns->unprivileged_port)
		roles &= MMA_ROLE_CONNECT;
	return roles & MMA_ROLE_BOTH;
}

/* Where an interface lacks strip, ports off the list speak MPTCP. */
static bool strip_is_everywhere(const struct status *status)
{
	for (size_t i = 0; i < status->n_netns; i++)
		if (status->netns[i].reachable && status->netns[i].strip.uncovered)
			return false;
	return true;
}

/* How to start a container of this engine so that it is attached. */
static const char *way_of(const char *engine)
{
	static const struct {
		const char *engine, *way;
	} ways[] = {
		{ "docker", "--runtime mptcp-mail" },
		{ "podman", "--annotation mptcp-mail-attach=1" },
		{ "cri-o", "the annotation mptcp-mail-attach=1" },
		{ "containerd", "the runtime /etc/mptcp-mail-attach/runtime" },
		{ "lxc", "lxc.hook.start-host" },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].engine, engine))
			return ways[i].way;
	return "a namespace that lasts";
}

/* Why a TCP listener in another namespace than ours did not become MPTCP, if the service has
 * sockets that stayed TCP because their namespace was not covered; else NULL. */
static const char *uncovered_reason(const struct status *status,
				    const struct status_service *service,
				    const struct listener *listener)
{
	static char text[2 * CONTAINER_ID_SIZE + 128];
	struct container_name name;
	char path[PATH_MAX];
	bool there = false;

	if (!status->n_netns || listener->netns == status->netns[0].cookie ||
	    !service->stats.counters[MMA_KEPT_UNCOVERED])
		return NULL;
	if (cgroup_path_of_id(listener->cgroup, path, sizeof(path), &there))
		fault_drop();
	if (there && container_of_path(path, &name))
		snprintf(
			text, sizeof(text),
			"made in a network namespace that was not covered; start container %s with %s",
			name.id, way_of(name.engine));
	else
		snprintf(
			text, sizeof(text),
			"made in a network namespace that was not covered; run --refresh, then restart it");
	return text;
}

const char *status_listener_reason(const struct status *status,
				   const struct status_service *service,
				   const struct listener *listener)
{
	static char text[2 * MMA_PATH_SIZE];
	const char *name = strrchr(service->key.path, '/');

	if (!listener->mptcp && !service->upgrading)
		return "its cgroup is not attached; run --refresh, then restart it";
	if (!listener->mptcp && uncovered_reason(status, service, listener))
		return uncovered_reason(status, service, listener);
	if (!listener->mptcp && listener->right == SOCKET_RIGHT_NEVER &&
	    service->stats.counters[MMA_KEPT_NO_PORT]) {
		if (!status_listens_allowed(status, listener->port))
			return "not on the list, and its process may not bind a listed port";
		return "its process may not bind this port itself, so its sockets stay TCP; "
		       "give it CAP_NET_BIND_SERVICE (AmbientCapabilities=)";
	}
	if (!listener->mptcp) {
		snprintf(text, sizeof(text),
			 "made before the attach, or while MPTCP was off; restart %s",
			 name ? name + 1 : "it");
		return text;
	}
	if (status_listens_allowed(status, listener->port))
		return "";
	if (!strip_is_everywhere(status))
		return "not on the list, which is not enforced everywhere; run --refresh";
	return "not on the list: connections are TCP";
}

const char *status_repair_word(const struct status_service *service)
{
	if (service->repair)
		return "on";
	return service->no_repair ? "off" : "missing";
}
