// SPDX-License-Identifier: GPL-2.0-only
#include "connections/text.h"
#include "connections/reading.h"
#include "report.h"

#include <inttypes.h>
#include <linux/mptcp.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 79
#define LOCAL 20 /* columns for addresses, unless they are longer */
#define REMOTE 21
#define FIGURES 47 /* column at which a path's figures begin, if they fit */

/* Output that wraps at WIDTH. */
struct line {
	FILE *out;
	int column;
};

static void new_line(struct line *line, int indent)
{
	fprintf(line->out, "\n%*s", indent, "");
	line->column = indent;
}

/* Writes at the column, or after the text already there, or on the next line. */
static void put_at(struct line *line, int column, const char *text)
{
	int len = (int)strlen(text), blanks = column - line->column;

	if (blanks < 1)
		blanks = line->column > 4 ? 1 : 0;
	if (line->column + blanks + len > WIDTH) {
		new_line(line, column + len <= WIDTH ? column : 6);
		blanks = 0;
	}
	line->column += fprintf(line->out, "%*s%s", blanks, "", text);
}

static void put_words(struct line *line, int indent, const char *text)
{
	char words[512], *save = NULL;

	snprintf(words, sizeof(words), "%s", text);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (line->column + 1 + (int)strlen(word) > WIDTH)
			new_line(line, indent);
		else if (line->column != indent)
			line->column += fprintf(line->out, " ");
		line->column += fprintf(line->out, "%s", word);
	}
}

/* At most 5 columns. */
static const char *bytes_text(uint64_t bytes, char ret_text[8])
{
	static const char units[] = "BkMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit < sizeof(units) - 2) {
		value /= 1000;
		unit++;
	}
	snprintf(ret_text, 8, value < 9.95 && unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return ret_text;
}

/* At most 6 columns. */
static const char *time_text(uint32_t us, char ret_text[16])
{
	if (us < 1000)
		snprintf(ret_text, 16, "%uus", us);
	else if (us < 100000)
		snprintf(ret_text, 16, "%.1fms", us / 1000.0);
	else if (us < 10000000)
		snprintf(ret_text, 16, "%ums", us / 1000);
	else
		snprintf(ret_text, 16, "%us", us / 1000000);
	return ret_text;
}

static const char *state_words(const struct socket_seen *path)
{
	if (path->state == SOCKET_SYN_SENT || path->state == SOCKET_SYN_RECV)
		return "opening";
	if (path->retransmits > 1)
		return "stalled";
	if (path->state != SOCKET_ESTABLISHED)
		return "closing";
	if (path->flags & (MPTCP_SUBFLOW_FLAG_BKUP_LOC | MPTCP_SUBFLOW_FLAG_BKUP_REM))
		return "backup";
	return "";
}

/* "    192.0.2.1:143   198.51.100.23:51514   eth0   1.2M   20M 10.3ms backup" */
static void print_path(const char *interface, const struct socket_seen *path, FILE *out)
{
	char local[ADDRESS_TEXT], remote[ADDRESS_TEXT], figures[96], in[8], sent[8], rtt[16];
	const char *state = state_words(path);
	struct line line = { out, 0 };

	line.column = fprintf(out, "    %-*s %-*s", LOCAL, address_text(&path->local, local),
			      path->remote.ipv6 ? 0 : REMOTE,
			      path->remote.ipv6 ? "" : address_text(&path->remote, remote));
	if (path->remote.ipv6) {
		line.column = 4 + (int)strlen(local);
		new_line(&line, 6);
		line.column += fprintf(out, "%s", address_text(&path->remote, remote));
	}
	snprintf(figures, sizeof(figures), "%-6s %5s %5s %6s%s%s", interface,
		 bytes_text(path->bytes_in, in), bytes_text(path->bytes_out, sent),
		 time_text(path->rtt_us, rtt), state[0] ? " " : "", state);
	put_at(&line, FIGURES, figures);
	putc('\n', out);
}

static void print_connection(const struct connection *c, FILE *out)
{
	char port[32], peer[ADDRESS_TEXT];

	snprintf(port, sizeof(port), "%u/%s", c->port,
		 c->role == MMA_ROLE_LISTEN ? "listen" : "connect");
	fprintf(out, "  %-13s %-*s ", port, REMOTE, address_text(&c->socket.remote, peer));
	if (c->kind == CONNECTION_TCP)
		fputs("TCP\n", out);
	else if (c->kind == CONNECTION_FELL_BACK)
		fputs("fell back\n", out);
	else
		fprintf(out, "MPTCP, %zu path%s\n", c->n_open, c->n_open == 1 ? "" : "s");
	for (size_t i = 0; i < c->n_paths; i++)
		print_path(c->paths[i].interface, &c->paths[i].socket, out);
	if (c->kind == CONNECTION_TCP)
		print_path(c->interface, &c->socket, out);
	if (c->why.code) {
		struct line line = { out, fprintf(out, "     ") };

		put_words(&line, 6, c->why.text);
		putc('\n', out);
	}
}

static void print_heading(const struct connections *all, const struct connection *first, FILE *out)
{
	const struct connections_service *service = &all->services[first->service];
	size_t mptcp = 0, several = 0, fell_back = 0;
	char name[4 * MMA_PATH_SIZE];

	for (size_t i = 0; i < service->n; i++) {
		mptcp += first[i].kind == CONNECTION_MPTCP;
		several += first[i].kind == CONNECTION_MPTCP && first[i].n_open > 1;
		fell_back += first[i].kind == CONNECTION_FELL_BACK;
	}
	fprintf(out, "%s\n", visible(service->path.path, name, sizeof(name)));
	fprintf(out, "  %zu by MPTCP, %zu of them by more than one path; %zu fell back; %zu TCP\n",
		mptcp, several, fell_back, service->n - mptcp - fell_back);
	fprintf(out, "    %-*s %-*s %-6s %5s %5s %6s\n", LOCAL, "local address", REMOTE,
		"peer's address", "if", "in", "out", "rtt");
}

void connections_print_text(const struct connections *connections, FILE *out)
{
	if (!connections->attached)
		fputs("nothing is attached\n", out);
	else if (!connections->n)
		fputs("no live connection\n", out);
	for (size_t i = 0; i < connections->n; i++) {
		const struct connection *c = &connections->list[i];

		if (!i || c->service != c[-1].service) {
			fputs(i ? "\n" : "", out);
			print_heading(connections, c, out);
		}
		print_connection(c, out);
	}
}
