// SPDX-License-Identifier: GPL-2.0-only
/*
 * repair_get and repair_set, attached to a cgroup in this kernel: what sockets
 * of it answer, and those of another cgroup. The complete list of options, and
 * the loader's part, are tested in guests (tests/vm/test_repair.py).
 */
#include "suite.h"
#include "connection.h"
#include "object.h"
#include "tree.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bpf_object *object;
static struct bpf_link *links[2];
static struct tree tree;
static char repaired[128], other[128];

static void attach(void)
{
	static const char *const programs[] = { "repair_get", "repair_set" };
	char dir[2 * PATH_MAX];
	int fd;

	snprintf(dir, sizeof(dir), "%s%s", tree.mount, repaired);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		links[i] = bpf_program__attach_cgroup(
			bpf_object__find_program_by_name(object, programs[i]), fd);
		if (!links[i])
			fail_because("%s: %s", programs[i], strerror(errno));
	}
	close(fd);
}

static void begin(void)
{
	int fd;

	if (object)
		return;
	need_bpf();
	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (fd < 0)
		skip_because("this kernel makes no MPTCP sockets (%s)", strerror(errno));
	close(fd);
	tree_begin(&tree);
	object = load_product();
	snprintf(repaired, sizeof(repaired), "%s/repaired", tree.top);
	snprintf(other, sizeof(other), "%s/other", tree.top);
	tree_make(&tree, repaired);
	tree_make(&tree, other);
	attach();
}

/* 0 and the value, or an errno. */
static int get(int fd, int level, int option, int *ret_value)
{
	socklen_t len = sizeof(*ret_value);

	*ret_value = -1;
	return getsockopt(fd, level, option, ret_value, &len) ? errno : 0;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? errno : 0;
}

/* A listener of a cgroup and a connection to it. */
struct pair {
	int listener;
	struct connection c;
};

static int listen_at(int protocol, struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	*ret = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	return fd;
}

static struct pair open_pair(const char *cgroup, int server, int client)
{
	struct sockaddr_in address;
	struct pair pair;
	char byte = 0;

	tree_enter(&tree, cgroup);
	pair.listener = listen_at(server, &address);
	pair.c.client = socket(AF_INET, SOCK_STREAM, client);
	tree_enter(&tree, NULL);
	assert_int_equal(connect(pair.c.client, (struct sockaddr *)&address, sizeof(address)), 0);
	pair.c.server = tcp_accept(pair.listener);
	/* Data, so that both ends know what they speak. */
	assert_int_equal(write(pair.c.client, "?", 1), 1);
	assert_int_equal(read(pair.c.server, &byte, 1), 1);
	assert_int_equal(write(pair.c.server, "!", 1), 1);
	assert_int_equal(read(pair.c.client, &byte, 1), 1);
	return pair;
}

static void close_pair(struct pair *pair)
{
	connection_close(&pair->c);
	tcp_close(pair->listener);
}

static const struct row {
	const char *name;
	const char *cgroup;
	int server, client; /* protocols */
	bool look_at_client;
	int ip_options, quickack; /* errno */
} rows[] = {
	{ "server", repaired, IPPROTO_MPTCP, IPPROTO_MPTCP, false, ENOPROTOOPT, 0 },
	{ "client", repaired, IPPROTO_MPTCP, IPPROTO_MPTCP, true, ENOPROTOOPT, 0 },
	{ "server of another cgroup", other, IPPROTO_MPTCP, IPPROTO_MPTCP, false, EOPNOTSUPP,
	  ENOPROTOOPT },
	{ "client of another cgroup", other, IPPROTO_MPTCP, IPPROTO_MPTCP, true, EOPNOTSUPP,
	  ENOPROTOOPT },
	{ "client, fallen back", repaired, IPPROTO_TCP, IPPROTO_MPTCP, true, 0, 0 },
	{ "server, fallen back", repaired, IPPROTO_MPTCP, IPPROTO_TCP, false, 0, 0 },
	{ "TCP", repaired, IPPROTO_TCP, IPPROTO_TCP, false, 0, 0 },
};

/* What TCP does is seen by the value that is kept. */
static void options(void **state)
{
	const struct row *row = *state;
	struct pair pair;
	int fd, value;
	bool tcp = !row->ip_options;

	begin();
	pair = open_pair(row->cgroup, row->server, row->client);
	fd = row->look_at_client ? pair.c.client : pair.c.server;
	assert_int_equal(get(fd, IPPROTO_IP, IP_OPTIONS, &value), row->ip_options);
	for (int on = 0; on < 2; on++) {
		assert_int_equal(set(fd, IPPROTO_TCP, TCP_QUICKACK, on), row->quickack);
		assert_int_equal(get(fd, IPPROTO_TCP, TCP_QUICKACK, &value), tcp ? 0 : EOPNOTSUPP);
		if (tcp)
			assert_int_equal(value, on);
	}
	/* Promises. */
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000), tcp ? 0 : ENOPROTOOPT);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_SYNCNT, 3), tcp ? 0 : ENOPROTOOPT);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &value, 1), -1);
	/* A segment size, and the right one. */
	if (!get(fd, IPPROTO_TCP, TCP_MAXSEG, &value))
		assert_in_range(value, 500, 65535);
	close_pair(&pair);
}

static void without_a_connection(void **state)
{
	int fd, value;

	(void)state;
	begin();
	tree_enter(&tree, repaired);
	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	tree_enter(&tree, NULL);
	assert_true(fd >= 0);
	assert_int_equal(get(fd, IPPROTO_IP, IP_OPTIONS, &value), ENOPROTOOPT);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_QUICKACK, 1), ENOPROTOOPT);
	close(fd);
}

/* Not all that says EOPNOTSUPP is MPTCP. */
static void unix_socket(void **state)
{
	int fd, value;

	(void)state;
	begin();
	tree_enter(&tree, repaired);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	tree_enter(&tree, NULL);
	assert_int_equal(get(fd, IPPROTO_IP, IP_OPTIONS, &value), EOPNOTSUPP);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_MAXSEG, &value), EOPNOTSUPP);
	close(fd);
}

int main(void)
{
	static struct suite suite;
	int failed;

	add_table(&suite, options, rows);
	add_test(&suite, "a socket without a connection", without_a_connection, NULL);
	add_test(&suite, "a UNIX socket", unix_socket, NULL);
	failed = run_suite("repair", &suite);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		bpf_link__destroy(links[i]);
	bpf_object__close(object);
	if (tree.top[0]) {
		tree_enter(&tree, NULL);
		tree_end(&tree);
	}
	return failed;
}
