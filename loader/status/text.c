// SPDX-License-Identifier: GPL-2.0-only
#include "status/text.h"
#include "report.h"
#include "status/meaning.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 79
#define INDENT 11
#define COUNT 10 /* columns of a connection count */
#define REASON_COLUMN 36 /* right of an address of 20 bytes */

/* Words wrapped at WIDTH, indented under their label. */
struct wrapped {
	size_t column;
};

static void put_word(struct wrapped *line, const char *word)
{
	if (line->column + 1 + strlen(word) > WIDTH) {
		printf("\n%*s", INDENT, "");
		line->column = INDENT;
	}
	printf(" %s", word);
	line->column += 1 + strlen(word);
}

static const char *role_word(int roles)
{
	switch (roles & MMA_ROLE_BOTH) {
	case MMA_ROLE_LISTEN:
		return "/listen";
	case MMA_ROLE_CONNECT:
		return "/connect";
	case MMA_ROLE_NONE:
		return "/denied";
	default:
		return "";
	}
}

/* Prints the entries with their roles, such as 25/listen 4190-4195 80/denied all/connect, each
 * range once; false if there are none. roles_of() returns -1 for a port without an entry. */
static bool put_entries(struct wrapped *line, const struct status *status,
			const struct status_netns *netns,
			int (*roles_of)(const struct status *status,
					const struct status_netns *netns, int port))
{
	char word[32];
	bool any = false;

	for (int port = 0, last; port < MMA_MAX_PORTS; port = last + 1) {
		int roles = roles_of(status, netns, port);

		last = port;
		if (roles < 0)
			continue;
		while (port && last + 1 < MMA_MAX_PORTS &&
		       roles_of(status, netns, last + 1) == roles)
			last++;
		if (!port)
			snprintf(word, sizeof(word), "all%s", role_word(roles));
		else if (last > port)
			snprintf(word, sizeof(word), "%d-%d%s", port, last, role_word(roles));
		else
			snprintf(word, sizeof(word), "%d%s", port, role_word(roles));
		put_word(line, word);
		any = true;
	}
	return any;
}

static int entry_of(const struct status *status, const struct status_netns *netns, int port)
{
	(void)netns;
	return status->ports[port];
}

static int open_entry_of(const struct status *status, const struct status_netns *netns, int port)
{
	int roles = status_open_roles(status, netns, port);

	return roles ? roles : -1;
}

static void print_ports(const struct status *status)
{
	struct wrapped line = { INDENT };

	printf("%-*s", INDENT, "allowlist");
	puts(put_entries(&line, status, NULL, entry_of) ? "" : " empty; nothing speaks MPTCP");
}

static bool is_open(const struct status *status, const struct status_netns *netns)
{
	for (int port = 0; port < MMA_MAX_PORTS; port++)
		if (status_open_roles(status, netns, port))
			return true;
	return false;
}

/* What the list does to sockets that will never use one of its ports. */
static void print_open(const struct status *status, const struct status_netns *netns)
{
	struct wrapped line = { INDENT };

	if (!is_open(status, netns))
		return;
	printf("  every socket of a service becomes MPTCP here, because any process may use\n%*s",
	       INDENT, "");
	put_entries(&line, status, netns, open_entry_of);
	putchar('\n');
}

/* Blanks before a reason: up to a common column, or fewer if the reason needs the room. */
static int reason_column(int width, const char *reason)
{
	int blanks = REASON_COLUMN > width + 2 ? REASON_COLUMN - width : 2;
	int room = WIDTH - width - (int)strlen(reason);

	return blanks < room ? blanks : room;
}

static void print_repair(const struct status_service *service)
{
	if (service->repair)
		printf("  socket options are repaired\n");
	else if (service->no_repair)
		printf("  socket options are not repaired (--no-repair)\n");
	else
		printf("  socket options are NOT repaired; run --refresh\n");
}

/* "25/listen       120          3 …" under a header line. */
static void print_connections(const struct status_service *service)
{
	char name[16];

	if (!service->n_accounts)
		return;
	printf("  %-15s", "connections");
	for (int c = 0; c < MMA_N_CONNECTIONS; c++)
		printf(" %*s", COUNT, status_connection_words[c]);
	putchar('\n');
	for (size_t i = 0; i < service->n_accounts; i++) {
		const struct account_row *row = &service->accounts[i];

		snprintf(name, sizeof(name), "%u%s", row->key.port, role_word(row->key.role));
		printf("    %-13s", name);
		for (int c = 0; c < MMA_N_CONNECTIONS; c++)
			printf(" %*" PRIu64, COUNT, (uint64_t)row->account.counters[c]);
		putchar('\n');
	}
}

/* A container by its name, followed by the path that systemd-cgls shows. */
static void print_name(const struct status_service *service)
{
	char name[4 * PATH_MAX];

	if (service->is_container)
		printf("\ncontainer %s (%s)\n", visible(service->container.id, name, sizeof(name)),
		       service->container.engine);
	else
		printf("\n%s\n", visible(service->key.path, name, sizeof(name)));
	if (service->by_id_path)
		printf("  %s\n", visible(service->by_id_path, name, sizeof(name)));
}

static void print_service(const struct status *status, const struct status_service *service)
{
	char name[4 * MMA_PATH_SIZE], text[LISTENER_TEXT];

	print_name(service);
	if (!service->id)
		printf("  does not exist now; it is attached when it is created\n");
	else
		printf("  %s, cgroup id %" PRIu64 "\n",
		       service->upgrading ? "attached" : "NOT attached; run --refresh",
		       service->id);
	if (service->id)
		print_repair(service);
	if (service->covered_by.path[0])
		printf("  also covered by %s\n",
		       visible(service->covered_by.path, name, sizeof(name)));
	for (size_t i = 0; i < service->listeners.n; i++) {
		const struct listener *l = &service->listeners.list[i];
		int width = printf("  listens %-5s %s", l->mptcp ? "MPTCP" : "TCP",
				   listener_text(l, text));
		const char *reason =
			visible(status_listener_reason(status, service, l), name, sizeof(name));

		if (width + 2 + (int)strlen(reason) > WIDTH)
			printf("\n    %s\n", reason);
		else
			printf("%*s%s\n", reason[0] ? reason_column(width, reason) : 0, "", reason);
	}
	for (int i = 0; i < MMA_N_COUNTERS; i++)
		if (i == MMA_UPGRADED || service->stats.counters[i])
			printf("  %-42s %10" PRIu64 "\n", status_counter_words[i],
			       (uint64_t)service->stats.counters[i]);
	print_connections(service);
}

static void print_paths(const struct status_netns *netns)
{
	const struct path_manager *manager = &netns->manager;

	if (netns->manager_err)
		printf("  extra paths: cannot read the limits (%s)\n",
		       strerror(-netns->manager_err));
	else if (manager->in_user_space)
		printf("  extra paths: left to a path manager in user space\n");
	else if (!manager->subflows)
		printf("  extra paths per connection: none (ip mptcp limits: subflows 0)\n");
	else
		printf("  extra paths per connection: up to %u (%u to addresses that the peer announces)\n"
		       "    endpoints here: %u, announced to peers: %u\n",
		       manager->subflows, manager->add_addr_accepted, manager->endpoints,
		       manager->signal);
}

static void print_netns(const struct status *status, const struct status_netns *netns)
{
	char name[4 * sizeof(netns->strip.before)];

	printf("\nnetwork namespace %" PRIu64 "\n", netns->cookie);
	if (!netns->reachable) {
		printf("  covered; no attached service has a process in it now\n");
		return;
	}
	if (!netns->covered)
		printf("  NOT covered: sockets in it stay TCP; run --refresh\n");
	else if (netns->strip.behind)
		printf("  allowlist NOT enforced on %zu of %zu interfaces; run --refresh\n"
		       "    (on %s another program runs first: %s, id %u)\n",
		       netns->strip.uncovered, netns->strip.interfaces, netns->strip.first_behind,
		       visible(netns->strip.before, name, sizeof(name)), netns->strip.before_id);
	else if (netns->strip.uncovered)
		printf("  allowlist NOT enforced on %zu of %zu interfaces (%s); run --refresh\n",
		       netns->strip.uncovered, netns->strip.interfaces,
		       netns->strip.first_uncovered);
	else if (netns->strip.interfaces == 1)
		printf("  allowlist enforced on its only interface\n");
	else
		printf("  allowlist enforced on all %zu interfaces\n", netns->strip.interfaces);
	if (netns->mptcp_enabled < 0)
		printf("  cannot tell whether MPTCP is on (%s)\n", strerror(-netns->mptcp_enabled));
	else
		printf("  MPTCP is %s (net.mptcp.enabled)\n",
		       netns->mptcp_enabled ? "on" : "OFF: sockets stay TCP");
	print_open(status, netns);
	print_paths(netns);
	if (netns->blackholes > 0)
		printf("  blackhole detected %lld times: outgoing MPTCP pauses for %d s each;\n"
		       "    if the path is sound: sysctl -w net.mptcp.blackhole_timeout=0\n",
		       netns->blackholes, netns->blackhole_timeout);
	if (netns->table_full > 0)
		printf("  %lld connections stayed TCP: the kernel's table of MPTCP connections was full;\n"
		       "    it has room for about 4 for each MB of memory\n",
		       netns->table_full);
}

void status_print_text(const struct status *status)
{
	printf("%-*s %s%s\n", INDENT, "armed", status->reason ? "no: " : "yes",
	       status->reason ? status->reason : "");
	if (!status->attached)
		return;
	if (status->doubt)
		printf("%-*s %s\n", INDENT, "in doubt", status->doubt);
	print_ports(status);
	if (status->uncounted)
		printf("connections are not counted: %s\n", status->uncounted);
	if (status->unwatched)
		printf("every socket of a service becomes MPTCP:\n%*s %s\n", INDENT, "",
		       status->unwatched);
	for (size_t i = 0; i < status->n_services; i++)
		print_service(status, &status->services[i]);
	for (size_t i = 0; i < status->n_netns; i++)
		print_netns(status, &status->netns[i]);
}
