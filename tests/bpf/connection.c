// SPDX-License-Identifier: GPL-2.0-only
#include "connection.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOL_MPTCP 284
#define MPTCP_INFO 1
#define SECONDS 5

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static socklen_t read_address(const char *text, uint16_t port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->ipv4.sin_addr) == 1) {
		ret->ipv4.sin_family = AF_INET;
		ret->ipv4.sin_port = htons(port);
		return sizeof(ret->ipv4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &ret->ipv6.sin6_addr), 1);
	ret->ipv6.sin6_family = AF_INET6;
	ret->ipv6.sin6_port = htons(port);
	return sizeof(ret->ipv6);
}

static int mptcp_socket(int family)
{
	const struct timeval limit = { .tv_sec = SECONDS };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0)
		fail_because("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

int tcp_listen(const char *address, uint16_t *port)
{
	const int off = 0;
	union address a;
	socklen_t len = read_address(address, *port, &a);
	int fd = mptcp_socket(a.any.sa_family);

	if (a.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &a.any, len) || listen(fd, 8) || getsockname(fd, &a.any, &len))
		fail_because("%s: %s", address, strerror(errno));
	*port = ntohs(a.any.sa_family == AF_INET ? a.ipv4.sin_port : a.ipv6.sin6_port);
	return fd;
}

int tcp_connect(const char *address, uint16_t port)
{
	union address a;
	socklen_t len = read_address(address, port, &a);
	int fd = mptcp_socket(a.any.sa_family);

	if (connect(fd, &a.any, len))
		fail_because("connect to %s: %s", address, strerror(errno));
	return fd;
}

int tcp_begin_connect(const char *address, uint16_t port)
{
	union address a;
	socklen_t len = read_address(address, port, &a);
	int fd = mptcp_socket(a.any.sa_family);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!connect(fd, &a.any, len) || errno != EINPROGRESS)
		fail_because("connect to %s: %s", address, strerror(errno));
	return fd;
}

int tcp_await_retransmission(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	for (int ms = 0; ms < SECONDS * 1000 && !info.tcpi_total_retrans; ms++) {
		struct pollfd done = { .fd = fd, .events = POLLOUT };

		if (poll(&done, 1, 1))
			fail_because("the connection is established, or has failed");
		len = sizeof(info);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	}
	return (int)info.tcpi_total_retrans;
}

void tcp_await_connected(int fd)
{
	struct pollfd done = { .fd = fd, .events = POLLOUT };

	assert_int_equal(poll(&done, 1, SECONDS * 1000), 1);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

int tcp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		fail_because("accept: %s", strerror(errno));
	return fd;
}

void tcp_close(int fd)
{
	assert_int_equal(close(fd), 0);
}

void connection_open(struct connection *ret, int listener, const char *address, uint16_t port)
{
	ret->client = tcp_connect(address, port);
	ret->server = tcp_accept(listener);
}

static void carry(int from, int to, const char *text)
{
	char got[16] = "";

	assert_int_equal(send(from, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	if (recv(to, got, sizeof(got) - 1, 0) < 0)
		fail_because("recv: %s", strerror(errno));
	assert_string_equal(got, text);
}

void connection_check(const struct connection *c, bool mptcp)
{
	char info[512];
	socklen_t len = sizeof(int), info_len = sizeof(info);
	int protocol = 0, domain = 0, err, not_mptcp;

	carry(c->client, c->server, "HELO");
	carry(c->server, c->client, "250");
	assert_int_equal(getsockopt(c->server, SOL_SOCKET, SO_PROTOCOL, &protocol, &len), 0);
	assert_int_equal(getsockopt(c->client, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
	/* After a fallback TCP answers the option, and each family returns a different
	 * error. */
	not_mptcp = domain == AF_INET6 ? ENOPROTOOPT : EOPNOTSUPP;
	err = getsockopt(c->client, SOL_MPTCP, MPTCP_INFO, info, &info_len) ? errno : 0;
	if (protocol != (mptcp ? IPPROTO_MPTCP : IPPROTO_TCP) || err != (mptcp ? 0 : not_mptcp))
		fail_because("not %s: the server's end has protocol %d, the client's MPTCP_INFO %s",
			     mptcp ? "MPTCP" : "plain TCP", protocol,
			     err ? strerror(err) : "is there");
}

void connection_close(struct connection *c)
{
	if (c->client >= 0)
		close(c->client);
	if (c->server >= 0)
		close(c->server);
	c->client = c->server = -1;
}
