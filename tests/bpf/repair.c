// SPDX-License-Identifier: GPL-2.0-only
/*
 * repair's programs, attached to a cgroup in this kernel: what its sockets answer, and
 * those of another cgroup. The complete list of options and the loader's part are
 * tested in guests (tests/vm/test_repair.py, test_options.py).
 */
#include "suite.h"
#include "abi.h"
#include "connection.h"
#include "object.h"
#include "tree.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/in6.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bpf_object *object;
static struct bpf_link *links[8];
static struct tree tree;
static uint64_t repaired_id;
static char repaired[128], nested[136], other[128];

static void attach(const char *cgroup, struct bpf_link **ret)
{
	static const char *const programs[] = { "repair_get", "repair_set", "repair_connect4",
						"repair_connect6" };
	char dir[2 * PATH_MAX];
	int fd;

	snprintf(dir, sizeof(dir), "%s%s", tree.mount, cgroup);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		ret[i] = bpf_program__attach_cgroup(
			bpf_object__find_program_by_name(object, programs[i]), fd);
		if (!ret[i])
			fail_because("%s: %s", programs[i], strerror(errno));
	}
	close(fd);
}

/* Marks this network namespace as covered, or as not covered. */
static void cover(bool covered)
{
	int netns = map_fd(object, "netns"), fd = socket(AF_INET, SOCK_DGRAM, 0);
	__u64 cookie, since = 1;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len), 0);
	close(fd);
	if (covered)
		assert_int_equal(bpf_map_update_elem(netns, &cookie, &since, BPF_ANY), 0);
	else
		assert_int_equal(bpf_map_delete_elem(netns, &cookie), 0);
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
	snprintf(nested, sizeof(nested), "%s/nested", repaired);
	repaired_id = tree_make(&tree, repaired);
	tree_make(&tree, nested);
	tree_make(&tree, other);
	attach(repaired, links);
	attach(nested, links + 4);
	cover(true);
}

/* Returns 0 and the value, or an errno. */
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

/* A listener in a cgroup and a connection to it. */
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
	/* Send data, so that both ends know which protocol they speak. */
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

/* The stored value shows what TCP did. */
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
	/* Options that repair keeps, but only before connect(). */
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000), tcp ? 0 : ENOPROTOOPT);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_SYNCNT, 3), tcp ? 0 : ENOPROTOOPT);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &value, 1), -1);
	/* A segment size, which must be the right one. */
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

static int socket_of(const char *cgroup, int family, int type, int protocol)
{
	int fd;

	tree_enter(&tree, cgroup);
	fd = socket(family, type, protocol);
	tree_enter(&tree, NULL);
	assert_true(fd >= 0);
	return fd;
}

static const struct destination {
	const char *name;
	const char *cgroup;
	int family; /* of the client's socket */
	bool mapped; /* IPv4, through an IPv6 socket */
} destinations[] = {
	{ "handed over, IPv4", repaired, AF_INET, false },
	{ "handed over, IPv6", repaired, AF_INET6, false },
	{ "handed over, IPv4 by an IPv6 socket", repaired, AF_INET6, true },
	{ "handed over, one in another", nested, AF_INET, false },
};

/* A listener, and the address to connect to. */
static int listen_for(const struct destination *to, int protocol, struct sockaddr_in6 *ret,
		      socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	int fd;

	*ret_len = sizeof(*ret);
	memset(ret, 0, sizeof(*ret));
	if (to->family == AF_INET || to->mapped) {
		fd = listen_at(protocol, v4);
		if (to->mapped)
			*ret = (struct sockaddr_in6){
				.sin6_family = AF_INET6,
				.sin6_port = v4->sin_port,
				.sin6_addr.s6_addr = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
			};
		else
			*ret_len = sizeof(*v4);
		return fd;
	}
	fd = socket(AF_INET6, SOCK_STREAM, protocol);
	assert_true(fd >= 0);
	ret->sin6_family = AF_INET6;
	ret->sin6_addr.s6_addr[15] = 1;
	assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, ret_len), 0);
	return fd;
}

/* After the fallback the kernel answers, from the subflow's state. */
static void handed_over(void **state)
{
	const struct destination *to = *state;
	struct sockaddr_in6 address;
	int listener, fd, value;
	socklen_t len;

	begin();
	listener = listen_for(to, IPPROTO_TCP, &address, &len);
	fd = socket_of(to->cgroup, to->family, SOCK_STREAM, IPPROTO_MPTCP);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value), EOPNOTSUPP);
	for (int timeout = 5000; timeout <= 6000; timeout += 1000) {
		assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout), 0);
		assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value), 0);
		assert_int_equal(value, timeout);
	}
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_SYNCNT, &value), EOPNOTSUPP);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_SYNCNT, 3), 0);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_SYNCNT, &value), 0);
	assert_int_equal(value, 3);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value), 0);
	assert_int_equal(value, 6000);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_SYNCNT, &value), 0);
	assert_int_equal(value, 3);
	/* No other option has changed. */
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_NODELAY, &value), 0);
	assert_int_equal(value, 0);
	close(fd);
	close(listener);
}

static const struct listed {
	const char *name;
	int option, value; /* 0: none is set */
	bool mptcp; /* whether the connection is */
} listed[] = {
	{ "on the list, without a timeout", 0, 0, true },
	{ "on the list, with a timeout", TCP_USER_TIMEOUT, 5000, false },
	{ "on the list, with a timeout of 0", TCP_USER_TIMEOUT, 0, true },
	{ "on the list, with TCP_SYNCNT", TCP_SYNCNT, 3, true },
};

/* Enters a new network namespace that has only lo, with strip on it. */
static void begin_strip(void)
{
	static struct bpf_link *strip;
	struct mma_service_ref service = { 0 };
	struct mma_meta meta = { .strip_levels = ~0ULL };
	struct ifreq lo = { .ifr_name = "lo" };
	__u32 zero = 0;
	int fd;

	begin();
	if (strip)
		return;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	strip = bpf_program__attach_tcx(bpf_object__find_program_by_name(object, "strip"), 1, NULL);
	assert_non_null(strip);
	assert_int_equal(bpf_map_update_elem(map_fd(object, "meta"), &zero, &meta, BPF_ANY), 0);
	assert_int_equal(
		bpf_map_update_elem(map_fd(object, "cgroups"), &repaired_id, &service, BPF_ANY), 0);
	cover(true);
}

/* MPTCP lacks this timeout: the accepted value takes effect because the connection is TCP. */
static void on_the_list(void **state)
{
	const struct listed *row = *state;
	__u8 role = MMA_ROLE_CONNECT;
	struct sockaddr_in address;
	struct connection c;
	int listener, value;
	__u16 port;

	begin_strip();
	listener = listen_at(IPPROTO_MPTCP, &address);
	port = ntohs(address.sin_port);
	assert_int_equal(bpf_map_update_elem(map_fd(object, "ports"), &port, &role, BPF_ANY), 0);
	c.client = socket_of(repaired, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (row->option)
		assert_int_equal(set(c.client, IPPROTO_TCP, row->option, row->value), 0);
	assert_int_equal(connect(c.client, (struct sockaddr *)&address, sizeof(address)), 0);
	c.server = tcp_accept(listener);
	connection_check(&c, row->mptcp);
	if (!row->mptcp) {
		assert_int_equal(get(c.client, IPPROTO_TCP, row->option, &value), 0);
		assert_int_equal(value, row->value);
	}
	connection_close(&c);
	tcp_close(listener);
	assert_int_equal(bpf_map_delete_elem(map_fd(object, "ports"), &port), 0);
}

/* repair does not keep what TCP refuses, nor a truncated int. */
static void refused(void **state)
{
	static const struct {
		int option, value;
	} wrong[] = {
		{ TCP_USER_TIMEOUT, -1 }, { TCP_SYNCNT, 0 },  { TCP_SYNCNT, -1 },
		{ TCP_SYNCNT, 128 },	  { TCP_LINGER2, 1 }, { TCP_WINDOW_CLAMP, 4096 },
		{ TCP_QUICKACK, 1 },
	};
	int fd, value = 1;

	(void)state;
	begin();
	fd = socket_of(repaired, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(set(fd, IPPROTO_TCP, wrong[i].option, wrong[i].value),
				 ENOPROTOOPT);
		assert_int_equal(get(fd, IPPROTO_TCP, wrong[i].option, &value), EOPNOTSUPP);
	}
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, 3), -1);
	assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value), EOPNOTSUPP);
	close(fd);
}

/* A bound socket, or one that shares its port, may become a listener; in other cgroups
 * and in namespaces that are not covered, nothing would keep the promise. */
static void not_kept(void **state)
{
	static const int of_servers[] = { SO_REUSEADDR, SO_REUSEPORT };
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd;

	(void)state;
	begin();
	fd = socket_of(repaired, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), ENOPROTOOPT);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(of_servers); i++) {
		fd = socket_of(repaired, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
		assert_int_equal(set(fd, SOL_SOCKET, of_servers[i], 1), 0);
		assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), ENOPROTOOPT);
		assert_int_equal(set(fd, SOL_SOCKET, of_servers[i], 0), 0);
		assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), 0);
		close(fd);
	}
	fd = socket_of(other, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), ENOPROTOOPT);
	close(fd);
	cover(false);
	fd = socket_of(repaired, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	assert_int_equal(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), ENOPROTOOPT);
	close(fd);
	cover(true);
}

/* The kernel's handler writes the label into the caller's buffer, so a copy would return 0. */
static void writes_back(void **state)
{
	struct in6_flowlabel_req request = {
		.flr_dst.s6_addr = { [15] = 1 },
		.flr_action = IPV6_FL_A_GET,
		.flr_share = IPV6_FL_S_EXCL,
		.flr_flags = IPV6_FL_F_CREATE,
	};
	static const struct {
		const char *cgroup;
		int type;
	} sockets[] = { { repaired, SOCK_DGRAM },
			{ repaired, SOCK_STREAM },
			{ nested, SOCK_DGRAM } };

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
		int fd = socket_of(sockets[i].cgroup, AF_INET6, sockets[i].type, 0);

		request.flr_label = 0;
		assert_int_equal(
			setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &request, sizeof(request)),
			0);
		assert_int_not_equal(request.flr_label, 0);
		close(fd);
	}
}

#define LOAD(field)                                                                            \
	{                                                                                      \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1, \
		.off = offsetof(struct bpf_sockopt, field)                                     \
	}

/* Another project's program on the cgroup above runs later and sees the caller's value:
 * this one refuses an SO_PRIORITY that is not an int. */
static void another_program(void **state)
{
	static const struct bpf_insn wants_an_int[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		LOAD(optname),
		{ .code = BPF_JMP | BPF_JNE | BPF_K,
		  .dst_reg = BPF_REG_2,
		  .imm = SO_PRIORITY,
		  .off = 3 },
		LOAD(optlen),
		{ .code = BPF_JMP | BPF_JEQ | BPF_K,
		  .dst_reg = BPF_REG_2,
		  .imm = sizeof(int),
		  .off = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_SETSOCKOPT);
	static const int protocols[] = { IPPROTO_TCP, IPPROTO_MPTCP };
	char dir[2 * PATH_MAX];
	int program, cgroup, link;

	(void)state;
	begin();
	snprintf(dir, sizeof(dir), "%s%s", tree.mount, tree.top);
	cgroup = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCKOPT, "wants_an_int", "GPL", wants_an_int,
				ARRAY_SIZE(wants_an_int), &opts);
	link = bpf_link_create(program, cgroup, BPF_CGROUP_SETSOCKOPT, NULL);
	assert_true(link >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		int fd = socket_of(repaired, AF_INET, SOCK_STREAM, protocols[i]);
		char priority = 1;

		assert_int_equal(set(fd, SOL_SOCKET, SO_PRIORITY, 1), 0);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, 1), -1);
		assert_int_equal(errno, EPERM);
		close(fd);
	}
	close(link);
	close(program);
	close(cgroup);
}

/* EOPNOTSUPP alone does not make a socket MPTCP. */
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
	add_table(&suite, handed_over, destinations);
	add_test(&suite, "values that TCP refuses", refused, NULL);
	add_test(&suite, "sockets that cannot keep it", not_kept, NULL);
	add_test(&suite, "an option that writes back", writes_back, NULL);
	add_test(&suite, "another program above", another_program, NULL);
	add_test(&suite, "a UNIX socket", unix_socket, NULL);
	add_table(&suite, on_the_list, listed); /* last: it enters another network namespace */
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
