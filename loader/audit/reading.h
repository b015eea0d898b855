/* SPDX-License-Identifier: GPL-2.0-only */
/* What --audit has seen: one row for each port, role and command, and the port
 * lists that follow from them. Asks the kernel nothing. */
#ifndef MMA_AUDIT_READING_H
#define MMA_AUDIT_READING_H

#include "abi.h"
#include "audit_abi.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_row {
	uint16_t port; /* host order */
	enum mma_role role; /* MMA_ROLE_LISTEN or MMA_ROLE_CONNECT */
	char command[MMA_COMMAND_SIZE]; /* "" where it is not known */
	bool loopback; /* never seen elsewhere than on loopback */
	bool existing; /* listened already when the audit began */
	uint64_t connections;
};

struct audit_report {
	struct audit_row *rows; /* sorted by audit_finish() */
	size_t n;
	uint64_t arrived[MMA_MAX_PORTS]; /* connections that came, by local port */
	/* net.ipv4.ip_local_port_range: ports that the kernel gives out. */
	uint16_t first_ephemeral, last_ephemeral;
	uint64_t lost; /* events that had no room */
	double seconds; /* for which it watched */
};

/* Where a port goes, by role. */
enum audit_verdict {
	AUDIT_SUGGESTED, /* a listener that others reach */
	AUDIT_OUTGOING, /* a mail port that is connected to: opt-in */
	AUDIT_LOOPBACK, /* only ever on loopback: nothing to gain */
	AUDIT_EPHEMERAL, /* a listener on a port that the kernel gave out */
	AUDIT_NOT_MAIL, /* connects to something else than a mail server */
	AUDIT_N_VERDICTS,
};

/* Adds to the row of this port, role and command, or makes it. 0 or a fault. */
int audit_add(struct audit_report *report, const struct audit_row *row);

/* The same for one counter of the BPF program. */
int audit_add_seen(struct audit_report *report, const struct mma_audit_key *key, uint64_t n);

/* Once all is added: connections that came go to their listeners, rows are
 * sorted by role, port and command. */
void audit_finish(struct audit_report *report);

/* Of a row's port in its role, whatever the command. */
enum audit_verdict audit_verdict(const struct audit_report *report, const struct audit_row *row);

/* The LIST of all rows with this verdict, as --port takes it:
 * "25/listen,4190-4195/listen"; "" where there is none. NULL where memory runs
 * out; the caller frees it. */
char *audit_list(const struct audit_report *report, enum audit_verdict verdict);

void audit_free(struct audit_report *report);

#endif
