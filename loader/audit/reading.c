// SPDX-License-Identifier: GPL-2.0-only
#include "audit/reading.h"
#include "ports.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct audit_row *find_row(const struct audit_report *report, const struct audit_row *row)
{
	for (size_t i = 0; i < report->n; i++) {
		struct audit_row *known = &report->rows[i];

		if (known->port == row->port && known->role == row->role &&
		    !strncmp(known->command, row->command, MMA_COMMAND_SIZE))
			return known;
	}
	return NULL;
}

int audit_add(struct audit_report *report, const struct audit_row *row)
{
	struct audit_row *known = find_row(report, row), *rows;

	if (known) {
		known->loopback &= row->loopback;
		known->existing |= row->existing;
		known->connections += row->connections;
		return 0;
	}
	rows = realloc(report->rows, (report->n + 1) * sizeof(*rows));
	if (!rows)
		return fault(ENOMEM, "audit: out of memory");
	report->rows = rows;
	rows[report->n] = *row;
	rows[report->n++].command[MMA_COMMAND_SIZE - 1] = '\0';
	return 0;
}

int audit_add_seen(struct audit_report *report, const struct mma_audit_key *key, uint64_t n)
{
	struct audit_row row = { .port = key->port, .loopback = key->loopback };

	memcpy(row.command, key->command, sizeof(row.command));
	switch (key->event) {
	case MMA_AUDIT_ACCEPT:
		report->arrived[key->port] += n;
		return 0;
	case MMA_AUDIT_CONNECT:
		row.role = MMA_ROLE_CONNECT;
		row.connections = n;
		break;
	default:
		row.role = MMA_ROLE_LISTEN; /* the number of listen(2) calls means nothing */
	}
	return audit_add(report, &row);
}

static int by_role_and_port(const void *a, const void *b)
{
	const struct audit_row *one = a, *other = b;

	if (one->role != other->role)
		return one->role < other->role ? -1 : 1;
	if (one->port != other->port)
		return one->port < other->port ? -1 : 1;
	return strcmp(one->command, other->command);
}

/* A listener known only by its inode gives way to the same listener with a command. */
static bool is_nameless_double(const struct audit_report *report, const struct audit_row *row)
{
	if (row->command[0])
		return false;
	for (size_t i = 0; i < report->n; i++)
		if (report->rows[i].port == row->port && report->rows[i].role == row->role &&
		    report->rows[i].command[0])
			return true;
	return false;
}

void audit_finish(struct audit_report *report)
{
	for (size_t i = 0; i < report->n;) {
		struct audit_row *row = &report->rows[i];

		if (is_nameless_double(report, row)) {
			*row = report->rows[--report->n];
			continue;
		}
		/* The kernel does not tell which of several listeners accepted it. */
		if (row->role == MMA_ROLE_LISTEN)
			row->connections = report->arrived[row->port];
		i++;
	}
	if (report->n)
		qsort(report->rows, report->n, sizeof(*report->rows), by_role_and_port);
}

static bool only_on_loopback(const struct audit_report *report, const struct audit_row *row)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->rows[i].port == row->port && report->rows[i].role == row->role &&
		    !report->rows[i].loopback)
			return false;
	return true;
}

static bool is_mail_port(uint16_t port)
{
	return ports_default()->roles[port];
}

enum audit_verdict audit_verdict(const struct audit_report *report, const struct audit_row *row)
{
	if (only_on_loopback(report, row))
		return AUDIT_LOOPBACK;
	if (row->role == MMA_ROLE_CONNECT)
		return is_mail_port(row->port) ? AUDIT_OUTGOING : AUDIT_NOT_MAIL;
	if (row->port >= report->first_ephemeral && row->port <= report->last_ephemeral)
		return AUDIT_EPHEMERAL;
	return AUDIT_SUGGESTED;
}

static void print_range(FILE *out, unsigned int first, unsigned int last, unsigned int roles)
{
	const char *role = roles == MMA_ROLE_LISTEN ? "/listen"
			   : roles == MMA_ROLE_BOTH ? ""
						    : "/connect";

	if (ftell(out) > 0)
		fputc(',', out);
	if (last > first)
		fprintf(out, "%u-%u%s", first, last, role);
	else
		fprintf(out, "%u%s", first, role);
}

char *audit_list(const struct audit_report *report, enum audit_verdict verdict)
{
	uint8_t *roles = calloc(MMA_MAX_PORTS, 1);
	char *text = NULL;
	size_t size;
	FILE *out = roles ? open_memstream(&text, &size) : NULL;

	if (!out) {
		free(roles);
		return NULL;
	}
	for (size_t i = 0; i < report->n; i++)
		if (audit_verdict(report, &report->rows[i]) == verdict)
			roles[report->rows[i].port] |= (uint8_t)report->rows[i].role;
	for (unsigned int port = 1, last; port < MMA_MAX_PORTS; port = last + 1) {
		last = port;
		if (!roles[port])
			continue;
		while (last + 1 < MMA_MAX_PORTS && roles[last + 1] == roles[port])
			last++;
		print_range(out, port, last, roles[port]);
	}
	free(roles);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

void audit_free(struct audit_report *report)
{
	free(report->rows);
	report->rows = NULL;
	report->n = 0;
}
