// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container is attached between "its network is up" and "its program runs". Only its runtime
 * knows that moment; it runs this as a hook and waits for it.
 *
 * So this ends within a time limit, whatever hangs. A container that cannot be attached starts
 * all the same: the caller ignores the exit code.
 */
#include "host/container.h"
#include "host/path_manager.h"
#include "host/rights.h"
#include "modes/attachment.h"
#include "modes/modes.h"
#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of the 10 s that a hook may take; the rest is for our caller. */
#define BOUND_SECONDS 7

struct announced {
	int family;
	unsigned char bytes[sizeof(struct in6_addr)];
	const char *text;
};

struct subject {
	pid_t pid;
	const char *id; /* of the container; NULL: unknown, with --pid */
	char proc[32]; /* its directory in /proc, by a descriptor */
	char path[PATH_MAX]; /* of its cgroup */
	struct cgroup cgroup;
	struct netns_set namespaces; /* ours, and its own if that is another one */
};

struct title {
	char text[CONTAINER_ID_SIZE + 64];
};

/* "container 0123456789ab (docker)", as far as known. */
static struct title title_of(const struct subject *subject)
{
	struct container_name name;
	struct title title;

	if (container_of_path(subject->path, &name))
		snprintf(title.text, sizeof(title.text), "container %s (%s)", name.id, name.engine);
	else if (subject->id)
		snprintf(title.text, sizeof(title.text), "container %.64s", subject->id);
	else
		snprintf(title.text, sizeof(title.text), "container of process %d", subject->pid);
	return title;
}

/* A signal handler: it may have interrupted printf(), so it uses write(2). */
static void give_up(int signal)
{
	static const char text[] =
		"mptcp-mail-attach: --oci: not done within 7 s, so given up; the machine is too busy: restart the container later\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)written;
	_exit(MMA_EXIT_FAILED);
}

/* Not alarm(2): the wait for the lock uses it. */
static int set_bound(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec bound = { .it_value.tv_sec = BOUND_SECONDS };
	struct sigaction act = { .sa_handler = give_up };
	sigset_t mask;
	timer_t timer;

	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	if (sigaction(SIGRTMIN, &act, NULL) || sigprocmask(SIG_UNBLOCK, &mask, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &bound, NULL))
		return fault(errno, "--oci: cannot set a time limit (%s)", strerror(errno));
	return 0;
}

static int parse_address(const char *text, struct announced *ret)
{
	ret->text = text;
	for (size_t i = 0; i < 2; i++) {
		ret->family = i ? AF_INET6 : AF_INET;
		if (inet_pton(ret->family, text, ret->bytes) == 1)
			return 0;
	}
	return fault_usage("--signal %s: not an IPv4 or IPv6 address", text);
}

static int check_addresses(const struct request *request)
{
	struct announced address;
	int err = 0;

	for (size_t i = 0; !err && i < request->signals.n; i++)
		err = parse_address(request->signals.list[i], &address);
	return err;
}

/* The descriptor ensures that the pid still means the same process. */
static int hold_process(struct subject *subject)
{
	char dir[32];
	int fd;

	snprintf(dir, sizeof(dir), "/proc/%d", subject->pid);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fault(
			errno,
			"its process %d is not there (%s); the container has ended, or the pid is one of another pid namespace",
			subject->pid, strerror(errno));
	snprintf(subject->proc, sizeof(subject->proc), "/proc/self/fd/%d", fd);
	return 0;
}

/* Whether that cgroup is ours or contains us. Then it is no container's: we run as its hook,
 * outside it. If unknown, true. */
static bool contains_us(const char *path)
{
	char own[PATH_MAX] = "";
	size_t len = strlen(path);
	bool found;

	if (cgroup_path_of_process("/proc/self/cgroup", own, sizeof(own), &found))
		return true;
	return found && !strncmp(own, path, len) && (!own[len] || own[len] == '/');
}

/* Without this check, a pid outside the container would attach a service of the host. */
static int check_cgroup(struct subject *subject)
{
	char file[64];
	int err;

	snprintf(file, sizeof(file), "%s/cgroup", subject->proc);
	err = cgroup_of_process(file, &subject->cgroup, subject->path, sizeof(subject->path));
	if (err)
		return err;
	if (subject->id && !container_has_path(subject->id, subject->path))
		return fault(
			EINVAL,
			"the cgroup of its process %d is not its own: %s; start it with a cgroup of its own",
			subject->pid, subject->path);
	if (contains_us(subject->path))
		return fault(EINVAL,
			     "process %d is not in a container: its cgroup %s is the runtime's",
			     subject->pid, subject->path);
	return 0;
}

/* The network of a container may be set up after this moment. If its namespace were in `netns`
 * already, an interface could be used before it is covered. */
static int check_network(struct subject *subject)
{
	bool connected = true;
	char file[64];
	int err;

	snprintf(file, sizeof(file), "%s/ns/net", subject->proc);
	err = netns_add_own(&subject->namespaces);
	if (!err)
		err = netns_add_path(&subject->namespaces, file);
	if (!err && subject->namespaces.n > 1)
		err = netns_run(&subject->namespaces.list[1], netns_connected, &connected);
	if (!err && !connected)
		err = fault(
			ENETDOWN,
			"its network namespace has no interface but lo; with Docker, start it with --runtime mptcp-mail");
	return err;
}

static int announce(const struct netns *netns, void *data)
{
	const struct request *request = data;
	struct announced address;
	int err = 0;

	(void)netns;
	for (size_t i = 0; !err && i < request->signals.n; i++) {
		err = parse_address(request->signals.list[i], &address);
		if (!err)
			err = path_manager_signal(address.family, address.bytes);
		if (err)
			note("--signal %s: cannot be announced in the container (%s); connections have one path",
			     address.text, strerror(-err));
	}
	return 0;
}

static int oci_sees_mptcp(const struct netns *netns, void *data)
{
	(void)netns;
	*(int *)data = netns_mptcp_enabled();
	return 0;
}

/* Notes what keeps the attached container TCP, and announces the addresses of --signal in its
 * namespace. */
static void finish_attach(const struct subject *subject, const struct request *request)
{
	const struct netns *netns = &subject->namespaces.list[subject->namespaces.n - 1];
	const struct title title = title_of(subject);
	int enabled = 1;

	if (netns_run(netns, oci_sees_mptcp, &enabled))
		fault_drop();
	if (!enabled)
		note("%s: stays TCP: MPTCP is switched off in it; start it with --sysctl net.mptcp.enabled=1",
		     title.text);
	if (netns_run(netns, announce, (void *)request))
		fault_drop();
	printf("attached %s, %s\n", title.text, subject->path);
}

static int attach(struct subject *subject, const struct request *request)
{
	static struct attachment attachment = { .maps = MAPS_CLOSED,
						.n = 1,
						.ports_if_empty = true };
	int err;

	attachment.cgroups = &subject->cgroup;
	attachment.ports = ports_default();
	err = attachment_make(&attachment);
	if (!err)
		finish_attach(subject, request);
	attachment_free(&attachment);
	return err;
}

static int find_and_attach(struct subject *subject, const struct request *request)
{
	char about[sizeof(struct title) + 16];
	int err = hold_process(subject);

	if (!err)
		err = check_cgroup(subject);
	if (!err)
		err = check_network(subject);
	if (!err)
		err = attach(subject, request);
	if (err) {
		snprintf(about, sizeof(about), "%s: stays TCP", title_of(subject).text);
		fault_about(about);
	}
	netns_free(&subject->namespaces);
	return err;
}

int oci_run(const struct request *request)
{
	static struct oci_state state;
	static struct subject subject;
	int err = check_addresses(request);

	if (!err)
		err = set_bound();
	if (!err)
		err = rights_need_root();
	if (!err && !request->pid) {
		err = oci_state_read(STDIN_FILENO, &state);
		subject.id = state.id;
	}
	if (err)
		return err;
	subject.pid = request->pid ? (pid_t)request->pid : state.pid;
	return find_and_attach(&subject, request);
}
