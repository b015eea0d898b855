// SPDX-License-Identifier: GPL-2.0-only
/* How --audit presents what it saw: the suggested lists, the table, JSON. */
#include "audit/json.h"
#include "audit/reading.h"
#include "audit/text.h"
#include "suite.h"
#include "fault_text.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define LISTEN MMA_AUDIT_LISTEN
#define CONNECT MMA_AUDIT_CONNECT
#define ACCEPT MMA_AUDIT_ACCEPT
#define LOOPBACK true
#define MAX_EVENTS 8

static struct audit_report report;

static const struct row {
	const char *name;
	struct event {
		uint8_t event;
		const char *command;
		uint16_t port;
		bool loopback;
		uint64_t n;
	} events[MAX_EVENTS];
	const char *lists[AUDIT_N_VERDICTS];
} rows[] = {
	{ "nothing", .lists = { "", "", "", "", "" } },
	{ "a listener",
	  { { LISTEN, "master", 25, false, 1 } },
	  { [AUDIT_SUGGESTED] = "25/listen" } },
	{ "in the order of ports, ranges collapsed",
	  { { LISTEN, "a", 4192, false, 1 },
	    { LISTEN, "b", 143, false, 1 },
	    { LISTEN, "a", 4190, false, 1 },
	    { LISTEN, "a", 4191, false, 1 },
	    { LISTEN, "a", 65535, false, 1 },
	    { LISTEN, "a", 1, false, 1 } },
	  { [AUDIT_SUGGESTED] = "1/listen,143/listen,4190-4192/listen,65535/listen" } },
	{ "a listener on loopback",
	  { { LISTEN, "smtpd", 10025, LOOPBACK, 1 }, { LISTEN, "smtpd", 10026, LOOPBACK, 1 } },
	  { [AUDIT_LOOPBACK] = "10025-10026/listen" } },
	{ "on loopback and elsewhere",
	  { { LISTEN, "a", 25, LOOPBACK, 1 }, { LISTEN, "a", 25, false, 1 } },
	  { [AUDIT_SUGGESTED] = "25/listen" } },
	{ "on loopback and elsewhere, by different commands",
	  { { LISTEN, "a", 25, false, 1 }, { LISTEN, "b", 25, LOOPBACK, 1 } },
	  { [AUDIT_SUGGESTED] = "25/listen" } },
	{ "reached over loopback only, but open to all",
	  { { LISTEN, "a", 25, false, 1 }, { ACCEPT, "", 25, LOOPBACK, 7 } },
	  { [AUDIT_SUGGESTED] = "25/listen" } },
	{ "ephemeral: the borders of the range",
	  { { LISTEN, "a", 32767, false, 1 },
	    { LISTEN, "a", 32768, false, 1 },
	    { LISTEN, "a", 60999, false, 1 },
	    { LISTEN, "a", 61000, false, 1 } },
	  { [AUDIT_SUGGESTED] = "32767/listen,61000/listen",
	    [AUDIT_EPHEMERAL] = "32768/listen,60999/listen" } },
	{ "outgoing mail is not among the listeners",
	  { { CONNECT, "smtp", 25, false, 9 }, { LISTEN, "master", 25, false, 1 } },
	  { [AUDIT_SUGGESTED] = "25/listen", [AUDIT_OUTGOING] = "25/connect" } },
	{ "outgoing to a database",
	  { { CONNECT, "proxymap", 3306, false, 2 }, { CONNECT, "smtpd", 389, LOOPBACK, 2 } },
	  { [AUDIT_NOT_MAIL] = "3306/connect", [AUDIT_LOOPBACK] = "389/connect" } },
	{ "both roles of a port on loopback",
	  { { CONNECT, "a", 24, LOOPBACK, 2 }, { LISTEN, "b", 24, LOOPBACK, 2 } },
	  { [AUDIT_LOOPBACK] = "24" } },
};

static void begin(const struct row *row)
{
	audit_free(&report);
	memset(&report, 0, sizeof(report));
	report.first_ephemeral = 32768;
	report.last_ephemeral = 60999;
	for (size_t i = 0; i < MAX_EVENTS && row->events[i].port; i++) {
		const struct event *e = &row->events[i];
		struct mma_audit_key key = { .port = e->port,
					     .event = e->event,
					     .loopback = e->loopback };

		strncpy(key.command, e->command, sizeof(key.command) - 1);
		assert_int_equal(audit_add_seen(&report, &key, e->n), 0);
	}
	audit_finish(&report);
}

static void suggests(void **state)
{
	const struct row *row = *state;

	begin(row);
	for (int i = 0; i < AUDIT_N_VERDICTS; i++) {
		char *list = audit_list(&report, (enum audit_verdict)i);

		assert_non_null(list);
		assert_string_equal(list, row->lists[i] ? row->lists[i] : "");
		free(list);
	}
	audit_free(&report);
}

static const struct row service = {
	.events = { { LISTEN, "master", 25, false, 1 },
		    { CONNECT, "smtp", 25, false, 1200300 },
		    { LISTEN, "fifteen bytes!!", 10025, LOOPBACK, 4 },
		    { ACCEPT, "", 25, false, 3 },
		    { ACCEPT, "", 25, LOOPBACK, 2 },
		    { CONNECT, "a\x1b[31m\xff", 3306, false, 1 } },
};

/* What print() writes to standard output. */
static char *printed(int print(const struct audit_report *report, const char *path))
{
	static char text[8192];
	FILE *file = tmpfile();
	int real;
	size_t len;

	assert_non_null(file);
	fflush(stdout);
	real = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	assert_int_equal(print(&report, "/system.slice/x.service"), 0);
	fflush(stdout);
	dup2(real, STDOUT_FILENO);
	close(real);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void prints_a_table(void **state)
{
	(void)state;
	begin(&service);
	report.seconds = 59.7;
	assert_string_equal(printed(audit_print_text),
			    "/system.slice/x.service, watched for 60 s\n"
			    "\n"
			    " PORT  ROLE     COMMAND          CONNECTIONS  NOTE\n"
			    "   25  listen   master                     5\n"
			    "10025  listen   fifteen bytes!!            0  loopback only\n"
			    "   25  connect  smtp                 1200300  outgoing is opt-in\n"
			    " 3306  connect  a\\x1b[31m\xff                 1  no mail port\n"
			    "\n"
			    "Suggested: --port 25/listen\n"
			    "Outgoing, if wanted: --port 25/connect\n"
			    "Left out, loopback only: 10025/listen\n"
			    "Left out, no mail ports: 3306/connect\n");
	audit_free(&report);
}

static void prints_nothing_seen(void **state)
{
	(void)state;
	begin(&rows[0]);
	report.lost = 3;
	assert_string_equal(
		printed(audit_print_text),
		"/system.slice/x.service, watched for 0 s\n"
		"\n"
		"no listener, and no TCP connection\n"
		"\n"
		"Suggested: nothing: the service listened on no port that others can reach\n"
		"3 events had no room and are missing\n");
}

static void wraps_what_is_left_out(void **state)
{
	const char *line;

	(void)state;
	begin(&rows[0]);
	for (uint16_t port = 40000; port < 40100; port += 2) {
		struct audit_row row = { .port = port, .role = MMA_ROLE_LISTEN };

		assert_int_equal(audit_add(&report, &row), 0);
	}
	audit_finish(&report);
	line = strstr(printed(audit_print_text), "Left out, ephemeral:");
	assert_non_null(line);
	for (; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 10, 79);
	audit_free(&report);
}

/* A listener found by sock_diag whose command is unknown, and the same one as the
 * program saw it. */
static void a_nameless_row_gives_way(void **state)
{
	struct audit_row nameless = { .port = 25, .role = MMA_ROLE_LISTEN, .existing = true };
	struct audit_row other = { .port = 26, .role = MMA_ROLE_LISTEN, .existing = true };

	(void)state;
	begin(&service);
	assert_int_equal(audit_add(&report, &nameless), 0);
	assert_int_equal(audit_add(&report, &other), 0);
	audit_finish(&report);
	assert_int_equal(report.n, 5);
	assert_string_equal(report.rows[0].command, "master");
	assert_int_equal(report.rows[1].port, 26);
	assert_string_equal(report.rows[1].command, "");
	audit_free(&report);
}

static void json_has_every_row(void **state)
{
	json_t *all, *ports;

	(void)state;
	begin(&service);
	all = json_loads(printed(audit_print_json), 0, NULL);
	assert_non_null(all);
	ports = json_object_get(all, "ports");
	assert_int_equal(json_array_size(ports), 4);
	assert_string_equal(json_string_value(json_object_get(json_array_get(ports, 3), "command")),
			    "a\x1b[31m\\xff");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(all, "lists"), "suggested")),
		"25/listen");
	json_decref(all);
	audit_free(&report);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, suggests, rows);
	add_test(&suite, "the table", prints_a_table, NULL);
	add_test(&suite, "nothing seen, something lost", prints_nothing_seen, NULL);
	add_test(&suite, "long lists are wrapped", wraps_what_is_left_out, NULL);
	add_test(&suite, "a row without a command gives way", a_nameless_row_gives_way, NULL);
	add_test(&suite, "JSON has every row, whatever its name", json_has_every_row, NULL);
	return run_suite("audit", &suite);
}
