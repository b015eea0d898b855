/* SPDX-License-Identifier: GPL-2.0-only */
/* What --audit has seen: one row per port, role and command, and the port lists that follow
 * from them. Makes no system calls. */
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
	char command[MMA_COMMAND_SIZE]; /* "" if unknown */
	bool loopback; /* only ever seen on loopback */
	bool existing; /* was listening when the audit began */
	uint64_t connections;
};

struct audit_report {
	struct audit_row *rows; /* sorted by audit_finish() */
	size_t n;
	uint64_t arrived[MMA_MAX_PORTS]; /* incoming connections by local port */
	/* net.ipv4.ip_local_port_range: the ports that the kernel assigns. */
	uint16_t first_ephemeral, last_ephemeral;
	uint64_t lost; /* events for which there was no room */
	double seconds; /* that it watched */
};

/* What to do with a port in its role. */
enum audit_verdict {
	AUDIT_SUGGESTED, /* a listener that others can reach */
	AUDIT_OUTGOING, /* a mail port that the service connects to: opt-in */
	AUDIT_LOOPBACK, /* only ever on loopback: nothing to gain */
	AUDIT_EPHEMERAL, /* a listener on a port that the kernel assigned */
	AUDIT_NOT_MAIL, /* connects to something other than a mail server */
	AUDIT_N_VERDICTS,
};

/* Adds to the row of this port, role and command, or creates it. Returns 0 or a fault. */
int audit_add(struct audit_report *report, const struct audit_row *row);

/* The same for one counter of the BPF program. */
int audit_add_seen(struct audit_report *report, const struct mma_audit_key *key, uint64_t n);

/* Call it when all is added: assigns incoming connections to their listeners and sorts the rows
 * by role, port and command. */
void audit_finish(struct audit_report *report);

/* The verdict on a row's port in its role, whatever the command. */
enum audit_verdict audit_verdict(const struct audit_report *report, const struct audit_row *row);

/* The LIST of all rows with this verdict, as --port takes it: "25/listen,4190-4195/listen"; ""
 * if there is none. NULL if memory runs out. The caller frees it. */
char *audit_list(const struct audit_report *report, enum audit_verdict verdict);

void audit_free(struct audit_report *report);

#endif
