// SPDX-License-Identifier: GPL-2.0-only
/* Names, labels and their values are a contract, documented in docs/metrics.md. Counters are
 * declared by their full names, as node_exporter's textfile collector wants them. "# EOF" is
 * for OpenMetrics parsers; others take it as a comment. */
#include "status/openmetrics.h"
#include "status/meaning.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME(name) "mptcp_mail_" name
#define MAX_VALUE ((size_t)6 * MMA_PATH_SIZE)

/* Whether a counter is the outcome of a socket; the others have metrics of their own. */
static bool is_outcome(int counter)
{
	return counter == MMA_UPGRADED || !strncmp(status_counter_names[counter], "kept_", 5);
}

static void declare(const char *name, const char *type, const char *help)
{
	printf("# HELP " NAME("%s") " %s\n# TYPE " NAME("%s") " %s\n", name, help, name, type);
}

/* The length of a UTF-8 sequence; 0 if invalid. */
static size_t utf8_length(const unsigned char *c)
{
	size_t len = *c < 0x80		       ? 1
		     : *c >= 0xc2 && *c < 0xe0 ? 2
		     : *c >= 0xe0 && *c < 0xf0 ? 3
		     : *c >= 0xf0 && *c < 0xf5 ? 4
					       : 0;

	for (size_t i = 1; i < len; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* The path of a service as a label value, which must be UTF-8: invalid bytes become \xNN, as in
 * JSON. */
static const char *label(const struct status_service *service, char ret_text[MAX_VALUE])
{
	const unsigned char *c = (const unsigned char *)service->key.path;
	size_t used = 0, len;

	for (; *c; c += len ? len : 1) {
		len = utf8_length(c);
		if (!len)
			used += (size_t)snprintf(ret_text + used, MAX_VALUE - used, "\\\\x%02x",
						 *c);
		else if (*c == '\\' || *c == '"')
			used += (size_t)snprintf(ret_text + used, MAX_VALUE - used, "\\%c", *c);
		else
			used += (size_t)snprintf(ret_text + used, MAX_VALUE - used, "%.*s",
						 (int)len, (const char *)c);
	}
	ret_text[used] = '\0';
	return ret_text;
}

/* One sample per service. */
static void print_services(const struct status *status, const char *name,
			   uint64_t (*value)(const struct status_service *service))
{
	char text[MAX_VALUE];

	for (size_t i = 0; i < status->n_services; i++)
		printf(NAME("%s") "{service=\"%s\"} %" PRIu64 "\n", name,
		       label(&status->services[i], text), value(&status->services[i]));
}

static uint64_t service_is_attached(const struct status_service *service)
{
	return service->upgrading;
}

static uint64_t restarts(const struct status_service *service)
{
	return service->stats.counters[MMA_RESTARTS];
}

static uint64_t unaccounted(const struct status_service *service)
{
	return service->stats.counters[MMA_UNACCOUNTED];
}

static void print_listeners(const struct status *status)
{
	char text[MAX_VALUE];

	declare("listeners", "gauge",
		"Listening TCP sockets of attached services, by protocol and by whether the allowlist allows their port.");
	for (size_t i = 0; i < status->n_services; i++) {
		const struct status_service *s = &status->services[i];
		unsigned int n[2][2] = { { 0 } };

		for (size_t k = 0; k < s->listeners.n; k++)
			n[s->listeners.list[k].mptcp]
			 [status_listens_allowed(status, s->listeners.list[k].port)]++;
		for (int k = 0; k < 4; k++)
			printf(NAME("listeners") "{service=\"%s\",protocol=\"%s\",listed=\"%s\"} %u\n",
			       label(s, text), k & 1 ? "mptcp" : "tcp", k & 2 ? "yes" : "no",
			       n[k & 1][k >> 1]);
	}
}

static void print_sockets(const struct status *status)
{
	char text[MAX_VALUE];

	declare("sockets_total", "counter",
		"TCP sockets that attached services made, by what became of them.");
	for (size_t i = 0; i < status->n_services; i++)
		for (int c = 0; c < MMA_N_COUNTERS; c++)
			if (is_outcome(c))
				printf(NAME("sockets_total") "{service=\"%s\",outcome=\"%s\"} %" PRIu64
							     "\n",
				       label(&status->services[i], text), status_counter_names[c],
				       (uint64_t)status->services[i].stats.counters[c]);
	declare("handshakes_kept_tcp_total", "counter",
		"Handshakes from which MPTCP was removed, as the port is not on the allowlist.");
	for (size_t i = 0; i < status->n_services; i++) {
		const __u64 *counters = status->services[i].stats.counters;

		printf(NAME("handshakes_kept_tcp_total") "{service=\"%s\",role=\"listen\"} %" PRIu64
							 "\n",
		       label(&status->services[i], text), (uint64_t)counters[MMA_STRIPPED_SYNACK]);
		printf(NAME("handshakes_kept_tcp_total") "{service=\"%s\",role=\"connect\"} %" PRIu64
							 "\n",
		       text, (uint64_t)counters[MMA_STRIPPED_SYN]);
	}
}

/* Counters first to last - 1 of each row. */
static void print_counted(const struct status *status, const char *name, int first, int last)
{
	char text[MAX_VALUE], result[64] = "";

	for (size_t i = 0; i < status->n_services; i++) {
		const struct status_service *s = &status->services[i];

		for (size_t k = 0; k < s->n_accounts; k++) {
			const struct account_row *row = &s->accounts[k];

			for (int c = first; c < last; c++) {
				if (last - first > 1)
					snprintf(result, sizeof(result), ",result=\"%s\"",
						 status_connection_names[c]);
				printf(NAME("%s") "{service=\"%s\",port=\"%u\",role=\"%s\"%s} %" PRIu64
						  "\n",
				       name, label(s, text), row->key.port,
				       row->key.role == MMA_ROLE_LISTEN ? "listen" : "connect",
				       result, (uint64_t)row->account.counters[c]);
			}
		}
	}
}

static void print_connection_metrics(const struct status *status)
{
	declare("connections_counted", "gauge",
		"Whether connections are counted: 1, or 0 where the kernel lacks what it takes.");
	printf(NAME("connections_counted") " %d\n", status->attached && !status->uncounted);
	declare("connections_total", "counter",
		"Connections of MPTCP sockets of attached services, by the server's port, the role of the service, and the result.");
	print_counted(status, "connections_total", MMA_CONN_MPTCP, MMA_CONN_SUBFLOWS);
	declare("subflows_total", "counter",
		"Paths beyond the first that MPTCP connections of attached services have had.");
	print_counted(status, "subflows_total", MMA_CONN_SUBFLOWS, MMA_CONN_SUBFLOWS + 1);
	declare("connections_unaccounted_total", "counter",
		"Connections that were not counted, as the table was full.");
	print_services(status, "connections_unaccounted_total", unaccounted);
}

/* One sample per namespace with a process of a service. */
static void print_netns_metric(const struct status *status, const char *name, const char *type,
			       const char *help,
			       long long (*value)(const struct status_netns *netns))
{
	declare(name, type, help);
	for (size_t i = 0; i < status->n_netns; i++)
		if (status->netns[i].reachable)
			printf(NAME("%s") "{netns=\"%" PRIu64 "\"} %lld\n", name,
			       status->netns[i].cookie, value(&status->netns[i]));
}

static long long netns_is_covered(const struct status_netns *netns)
{
	return netns->covered;
}

static long long interfaces(const struct status_netns *netns)
{
	return (long long)netns->strip.interfaces;
}

static long long uncovered(const struct status_netns *netns)
{
	return (long long)netns->strip.uncovered;
}

static long long is_enabled(const struct status_netns *netns)
{
	return netns->mptcp_enabled == 1;
}

static long long blackholes(const struct status_netns *netns)
{
	return netns->blackholes > 0 ? netns->blackholes : 0;
}

static long long blackhole_timeout(const struct status_netns *netns)
{
	return netns->blackhole_timeout > 0 ? netns->blackhole_timeout : 0;
}

static long long table_full(const struct status_netns *netns)
{
	return netns->table_full > 0 ? netns->table_full : 0;
}

static void print_namespaces(const struct status *status)
{
	print_netns_metric(
		status, "netns_covered", "gauge",
		"Whether sockets in the network namespace become MPTCP; where not, they stay TCP.",
		netns_is_covered);
	print_netns_metric(status, "netns_interfaces", "gauge",
			   "Interfaces of the network namespace.", interfaces);
	print_netns_metric(status, "netns_interfaces_uncovered", "gauge",
			   "Interfaces on which the allowlist is not enforced.", uncovered);
	print_netns_metric(
		status, "netns_mptcp_enabled", "gauge",
		"Whether MPTCP is switched on in the network namespace (net.mptcp.enabled).",
		is_enabled);
	print_netns_metric(status, "blackholes_total", "counter",
			   "Times that the kernel took a path for one that drops MPTCP.",
			   blackholes);
	print_netns_metric(status, "blackhole_timeout_seconds", "gauge",
			   "How long outgoing MPTCP pauses each time at least; 0: never.",
			   blackhole_timeout);
	print_netns_metric(
		status, "table_full_total", "counter",
		"Connections that stayed TCP, as the kernel's table of MPTCP connections was full.",
		table_full);
}

void status_print_openmetrics(const struct status *status)
{
	declare("info", "gauge", "The version of mptcp-mail-attach that wrote this.");
	printf(NAME("info") "{version=\"%s\"} 1\n", MMA_VERSION);
	declare("armed", "gauge",
		"Whether the sockets of attached services become MPTCP (1) or not (0).");
	printf(NAME("armed") " %d\n", status->reason == NULL);
	declare("services", "gauge", "Attached services.");
	printf(NAME("services") " %zu\n", status->n_services);
	declare("service_attached", "gauge",
		"Whether the service runs and its sockets are looked at (1), or not (0).");
	print_services(status, "service_attached", service_is_attached);
	declare("service_restarts_total", "counter",
		"Times that the cgroup of the service was made while it was attached.");
	print_services(status, "service_restarts_total", restarts);
	print_listeners(status);
	print_sockets(status);
	print_connection_metrics(status);
	print_namespaces(status);
	puts("# EOF");
}
