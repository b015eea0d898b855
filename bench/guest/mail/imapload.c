// SPDX-License-Identifier: GPL-2.0-only
/*
 * imapload ADDRESS PORT tcp|mptcp COUNT login: COUNT IMAP sessions, one after the
 * other: greeting, LOGIN, LOGOUT. With `greet` they do not log in. With `fetch` there
 * is one session, which fetches the first message COUNT times.
 * imapload PORT: the end of a proxy's sessions: an IMAP server on 127.0.0.1 that
 * answers OK to everything.
 *
 * Prints what each session's socket spoke before LOGOUT, then the nanoseconds of all
 * logins, or of the fetches alone:
 *	mptcp 120
 *	tcp 0
 *	fallen-back 0
 *	ns 412345678
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOL_MPTCP 284
#define MPTCP_INFO 1
#define MPTCP 262

static long spoke_mptcp, spoke_tcp, fell_back;

struct reader {
	int fd;
	size_t at, end;
	char bytes[1 << 16];
};

static size_t refill(struct reader *reader)
{
	ssize_t n = read(reader->fd, reader->bytes, sizeof(reader->bytes));

	if (n < 0)
		err(1, "read");
	reader->at = 0;
	reader->end = n;
	return n;
}

/* Returns the line without its end; false if the peer has closed. */
static bool read_line(struct reader *reader, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		if (reader->at == reader->end && !refill(reader))
			return false;
		if (reader->bytes[reader->at] == '\n')
			break;
		if (n + 1 < size)
			line[n++] = reader->bytes[reader->at];
		reader->at++;
	}
	reader->at++;
	line[n] = 0;
	return true;
}

static void skip(struct reader *reader, size_t bytes)
{
	while (bytes) {
		size_t n;

		if (reader->at == reader->end && !refill(reader))
			errx(1, "the server hung up amid a message");
		n = reader->end - reader->at;
		n = n < bytes ? n : bytes;
		reader->at += n;
		bytes -= n;
	}
}

static void say(int fd, const char *words)
{
	if (write(fd, words, strlen(words)) != (ssize_t)strlen(words))
		err(1, "write");
}

/* Sends a command and reads its answers up to the tagged one, including literals. */
static void command(struct reader *reader, const char *words)
{
	char line[1024];

	say(reader->fd, words);
	do {
		const char *literal;

		if (!read_line(reader, line, sizeof(line)))
			errx(1, "the server hung up after: %s", words);
		literal = strrchr(line, '{');
		if (line[0] == '*' && literal)
			skip(reader, strtoul(literal + 1, NULL, 10));
	} while (strncmp(line, words, 2) != 0);
	if (strncmp(line + 2, "OK", 2) != 0)
		errx(1, "%s: %s", words, line);
}

static void note_protocol(int fd)
{
	int protocol, info[64];
	socklen_t length = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length))
		err(1, "SO_PROTOCOL");
	length = sizeof(info);
	if (protocol != MPTCP)
		spoke_tcp++;
	else if (getsockopt(fd, SOL_MPTCP, MPTCP_INFO, info, &length))
		fell_back++;
	else
		spoke_mptcp++;
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(strtoul(port, NULL, 10)) };

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		errx(2, "%s: not an IPv4 address", host);
	return address;
}

/* Returns the nanoseconds of its fetches. */
static long long session(const struct sockaddr_in *server, int protocol, bool login, long fetches)
{
	static struct reader reader;
	char line[1024];
	long long start;

	reader.at = reader.end = 0;
	reader.fd = socket(AF_INET, SOCK_STREAM, protocol);
	if (reader.fd < 0 || connect(reader.fd, (const struct sockaddr *)server, sizeof(*server)))
		err(1, "connect");
	if (!read_line(&reader, line, sizeof(line)) || strncmp(line, "* OK", 4) != 0)
		errx(1, "no greeting");
	if (login)
		command(&reader, "a LOGIN demo demo\r\n");
	note_protocol(reader.fd);
	if (fetches)
		command(&reader, "b EXAMINE INBOX\r\n");
	start = now();
	for (long i = 0; i < fetches; i++)
		command(&reader, "c FETCH 1 BODY.PEEK[]\r\n");
	start = now() - start;
	say(reader.fd, "d LOGOUT\r\n");
	while (read_line(&reader, line, sizeof(line)))
		;
	close(reader.fd);
	return start;
}

/* Answers OK to every command. nginx sends names and passwords as literals, which the
 * server has to ask for. */
static void answer_all(struct reader *reader)
{
	char line[1024], tag[32], answer[64];
	bool literal = false;

	while (read_line(reader, line, sizeof(line))) {
		if (!literal)
			snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
		literal = strstr(line, "}\r");
		snprintf(answer, sizeof(answer), "%s OK done\r\n", literal ? "+" : tag);
		say(reader->fd, answer);
		if (strstr(line, "LOGOUT"))
			break;
	}
}

static void serve(const char *port)
{
	struct sockaddr_in address = address_of("127.0.0.1", port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	static struct reader reader;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128))
		err(1, "port %s", port);
	for (;;) {
		reader.at = reader.end = 0;
		reader.fd = accept(listener, NULL, NULL);
		if (reader.fd < 0)
			err(1, "accept");
		say(reader.fd, "* OK ready\r\n");
		answer_all(&reader);
		close(reader.fd);
	}
}

int main(int argc, char **argv)
{
	bool fetch, login;
	struct sockaddr_in server;
	long long begun, ns = 0;
	int protocol;
	long count;

	if (argc == 2)
		serve(argv[1]);
	if (argc != 6)
		errx(2, "usage: imapload ADDRESS PORT tcp|mptcp COUNT login|greet|fetch");
	server = address_of(argv[1], argv[2]);
	protocol = strcmp(argv[3], "mptcp") ? IPPROTO_TCP : MPTCP;
	count = strtol(argv[4], NULL, 10);
	login = strcmp(argv[5], "greet") != 0;
	fetch = strcmp(argv[5], "fetch") == 0;
	begun = now();
	if (fetch) {
		ns = session(&server, protocol, login, count);
	} else {
		for (long i = 0; i < count; i++)
			session(&server, protocol, login, 0);
		ns = now() - begun;
	}
	printf("mptcp %ld\ntcp %ld\nfallen-back %ld\nns %lld\n", spoke_mptcp, spoke_tcp, fell_back,
	       ns);
	return 0;
}
