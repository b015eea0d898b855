// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server for the units of the tests. Knows nothing of MPTCP.
 *
 * server PORT...     listens (or takes the sockets that systemd passes), tells
 *                    systemd "PORT=SO_PROTOCOL ..." as its status once ready,
 *                    and prints it; greets each client with the SO_PROTOCOL of
 *                    its connection
 * server --storm     makes sockets in a tight loop; at SIGTERM prints how
 *                    many, and how many of them were TCP
 */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_PORTS 8
#define FIRST_PASSED_FD 3 /* sd_listen_fds(3) */

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

/* sd_notify(3) */
static void tell(const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || fd < 0)
		return;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

static int protocol_of(int fd)
{
	int protocol = -1;
	socklen_t len = sizeof(protocol);

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	return protocol;
}

static int listen_on(unsigned short port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16)) {
		perror("server");
		exit(1);
	}
	return fd;
}

static int serve(int n, char **ports)
{
	const char *passed = getenv("LISTEN_FDS");
	struct pollfd fds[MAX_PORTS];
	char status[256] = "READY=1\nSTATUS=";
	int client = -1;

	if (passed)
		n = atoi(passed);
	for (int i = 0; i < n && i < MAX_PORTS; i++) {
		struct sockaddr_in6 own = { 0 };
		socklen_t len = sizeof(own);

		fds[i].fd =
			passed ? FIRST_PASSED_FD + i : listen_on((unsigned short)atoi(ports[i]));
		fds[i].events = POLLIN;
		getsockname(fds[i].fd, (struct sockaddr *)&own, &len);
		sprintf(status + strlen(status), "%s%d=%d", i ? " " : "", ntohs(own.sin6_port),
			protocol_of(fds[i].fd));
	}
	dprintf(STDOUT_FILENO, "%s\n", strrchr(status, '\n') + 8);
	tell(status);
	while (!stop) {
		if (poll(fds, (nfds_t)n, -1) <= 0)
			continue;
		for (int i = 0; i < n; i++) {
			if (!(fds[i].revents & POLLIN))
				continue;
			/* A connection stays open until the next one comes. */
			if (client >= 0)
				close(client);
			client = accept(fds[i].fd, NULL, NULL);
			if (client >= 0)
				dprintf(client, "%d\n", protocol_of(client));
		}
	}
	return 0;
}

static int storm(void)
{
	unsigned long made = 0, tcp = 0;

	tell("READY=1");
	while (!stop) {
		int fd = socket(made & 1 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

		made++;
		tcp += protocol_of(fd) != 262;
		close(fd);
	}
	printf("%lu %lu\n", made, tcp);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };

	sigaction(SIGTERM, &act, NULL);
	if (argc > 1 && !strcmp(argv[1], "--storm"))
		return storm();
	return serve(argc - 1, argv + 1);
}
