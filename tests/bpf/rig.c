// SPDX-License-Identifier: GPL-2.0-only
#include "rig.h"
#include "suite.h"
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/ipv6_route.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINKS 8

static struct bpf_object *object;
static struct bpf_link *links[MAX_LINKS];
static unsigned int n_links;
static int namespaces[N_WHERE] = { -1, -1, -1 }, outside = -1;

/* Sets up the interfaces and addresses with iproute2. Only this process's descriptors
 * refer to the namespaces, which have no names, so nothing is left behind. */
static const char network[] =
	"set -e\n"
	"ip link add here type veth peer name peer\n"
	"ip link add inner type veth peer name routed\n"
	"ip link set peer netns /proc/%1$d/fd/%2$d\n"
	"ip link set routed netns /proc/%1$d/fd/%3$d\n"
	"for i in lo here inner; do ip link set $i up; done\n"
	"ip addr add " HERE_IPV4 "/24 dev here\n"
	"ip addr add " HERE_IPV6 "/64 dev here nodad\n"
	"ip addr add 198.51.100.1/24 dev inner\n"
	"echo 1 >/proc/sys/net/ipv4/ip_forward\n"
	"nsenter --net=/proc/%1$d/fd/%2$d sh -ec '\n"
	"  ip link set lo up; ip link set peer up\n"
	"  ip addr add " PEER_IPV4 "/24 dev peer; ip addr add " PEER_IPV6 "/64 dev peer nodad\n"
	"  ip route add 198.51.100.0/24 via " HERE_IPV4 "'\n"
	"nsenter --net=/proc/%1$d/fd/%3$d sh -ec '\n"
	"  ip link set lo up; ip link set routed up; ip addr add " ROUTED_IPV4 "/24 dev routed\n"
	"  ip route add default via 198.51.100.1'\n";

void rig_go(enum where where)
{
	assert_int_equal(setns(namespaces[where], CLONE_NEWNET), 0);
}

static bool has_local_route(const char *address)
{
	FILE *file = fopen("/proc/thread-self/net/ipv6_route", "re");
	unsigned int flags, size;
	char line[256], dest[33];
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %x", dest, &size, &flags) ==
				3 &&
			size == 128 && (flags & RTF_LOCAL) && !strcmp(dest, address);
	fclose(file);
	return found;
}

void rig_await(enum where where, const char *address)
{
	time_t end = time(NULL) + 10;

	rig_go(where);
	while (!has_local_route(address))
		if (sched_yield() || time(NULL) > end)
			fail_because("%s: no route to the address", address);
	rig_go(HERE);
}

static int namespace_here(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_network(void)
{
	char script[sizeof(network) + 512];

	outside = namespace_here();
	for (int where = N_WHERE - 1; where >= HERE; where--) {
		if (unshare(CLONE_NEWNET))
			skip_because("no network namespaces (%s)", strerror(errno));
		namespaces[where] = namespace_here();
	}
	snprintf(script, sizeof(script), network, getpid(), namespaces[PEER], namespaces[ROUTED]);
	if (system(script))
		fail_because("iproute2 cannot make the network; its words: build/tests/*.stderr");
	rig_await(HERE, HERE_IPV6_HEX);
	rig_await(PEER, PEER_IPV6_HEX);
}

void rig_strip(const char *interface)
{
	LIBBPF_OPTS(bpf_tcx_opts, opts, .flags = BPF_F_BEFORE);
	struct bpf_program *strip = bpf_object__find_program_by_name(object, "strip");
	struct bpf_link *link;

	rig_go(HERE);
	assert_true(n_links < MAX_LINKS);
	link = bpf_program__attach_tcx(strip, (int)if_nametoindex(interface), &opts);
	if (!link && errno == EINVAL)
		skip_because("this kernel has no TCX");
	if (!link)
		fail_because("%s: strip cannot be attached (%s)", interface, strerror(errno));
	links[n_links++] = link;
}

static void replace_strip(const struct bpf_object *by)
{
	struct bpf_program *strip = bpf_object__find_program_by_name(by, "strip");

	assert_non_null(strip);
	for (unsigned int i = 0; i < n_links; i++)
		assert_int_equal(bpf_link__update_program(links[i], strip), 0);
}

void rig_unwritable(bool on)
{
	struct bpf_object *unwritable;

	if (!on) {
		replace_strip(object);
		return;
	}
	unwritable = load_unwritable(object);
	replace_strip(unwritable);
	bpf_object__close(unwritable); /* the links hold the program */
}

void rig_offload(const char *interface, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = on };
	struct ifreq request = { .ifr_data = (char *)&value };
	int fd;

	rig_go(HERE);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCETHTOOL, &request))
		fail_because("%s: %s", interface, strerror(errno));
	close(fd);
}

static void need_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		skip_because("this kernel makes no MPTCP sockets (%s)", strerror(errno));
	close(fd);
}

void rig_begin(struct rig *ret)
{
	static const char *const cgroups[] = { "/a", "/a/service", "/a/service/child" };
	uint64_t parent, *const ids[] = { &parent, &ret->service, &ret->child };
	char path[128];

	need_bpf();
	need_mptcp();
	object = load_product();
	ret->ports = map_fd(object, "ports");
	ret->cgroups = map_fd(object, "cgroups");
	ret->departed = map_fd(object, "departed");
	ret->stats = map_fd(object, "stats");
	ret->meta = map_fd(object, "meta");
	tree_begin(&ret->tree);
	for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++) {
		snprintf(path, sizeof(path), "%s%s", ret->tree.top, cgroups[i]);
		*(ids[i]) = tree_make(&ret->tree, path);
	}
	make_network();
	rig_strip("lo");
	rig_strip("here");
	rig_strip("inner");
}

void rig_end(struct rig *rig)
{
	while (n_links)
		bpf_link__destroy(links[--n_links]);
	bpf_object__close(object);
	object = NULL;
	if (outside >= 0)
		setns(outside, CLONE_NEWNET);
	for (int where = HERE; where < N_WHERE; where++)
		if (namespaces[where] >= 0)
			close(namespaces[where]);
	if (rig->tree.top[0])
		tree_end(&rig->tree);
}

void rig_reset(struct rig *rig)
{
	const struct mma_service_ref ref = { .slot = SERVICE_SLOT };
	const struct mma_stats none = { { 0 } };
	const struct mma_meta meta = { .abi = MMA_ABI, .levels = 1 << 3, .strip_levels = 1 << 3 };
	const uint32_t zero = 0;

	map_clear(rig->ports, sizeof(uint16_t));
	map_clear(rig->cgroups, sizeof(uint64_t));
	map_clear(rig->departed, sizeof(uint64_t));
	for (uint32_t slot = 0; slot < 8; slot++)
		assert_int_equal(bpf_map_update_elem(rig->stats, &slot, &none, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(rig->cgroups, &rig->service, &ref, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(rig->meta, &zero, &meta, BPF_ANY), 0);
	rig_sysctl(HERE, "ipv4/tcp_syncookies", "1");
	rig_offload("here", true);
}

void rig_allow(struct rig *rig, uint16_t port, uint8_t roles)
{
	assert_int_equal(bpf_map_update_elem(rig->ports, &port, &roles, BPF_ANY), 0);
}

void rig_forget(struct rig *rig, uint16_t port)
{
	assert_int_equal(bpf_map_delete_elem(rig->ports, &port), 0);
}

uint64_t rig_count(struct rig *rig, uint32_t slot, enum mma_counter counter)
{
	struct mma_stats s;

	assert_int_equal(bpf_map_lookup_elem(rig->stats, &slot, &s), 0);
	return s.counters[counter];
}

/* /proc/sys/net shows the namespace of the process that opens it. */
void rig_sysctl(enum where where, const char *name, const char *value)
{
	char path[128];
	int fd;

	rig_go(where);
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_because("%s: %s", path, strerror(errno));
	close(fd);
	rig_go(HERE);
}
