// SPDX-License-Identifier: GPL-2.0-only
/* What a container runtime reports about a container, and what its cgroup's path reveals. */
#include "host/container.h"
#include "suite.h"
#include "fault_text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ID "0310437378e17195018f0b1a2a8b460fc3870a4f30dbce2e77b580b5893eb0ed"
#define SHORT "0310437378e1"

static const struct path {
	const char *name, *path;
	const char *engine; /* NULL: none that the tool knows */
	const char *id;
} paths[] = {
	{ "Docker, systemd", "/system.slice/docker-" ID ".scope", "docker", SHORT },
	{ "Docker, below a slice of its own", "/mail.slice/docker-" ID ".scope", "docker", SHORT },
	{ "Docker, cgroupfs", "/docker/" ID, "docker", SHORT },
	{ "Docker, in a sub-cgroup that it made", "/system.slice/docker-" ID ".scope/init.scope",
	  "docker", SHORT },
	{ "Podman", "/machine.slice/libpod-" ID ".scope/container", "podman", SHORT },
	{ "Podman, of a quadlet", "/system.slice/mail.service/libpod-payload-" ID, "podman",
	  SHORT },
	{ "Podman's monitor", "/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL },
	{ "CRI-O", "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", "cri-o", SHORT },
	{ "CRI-O's monitor", "/kubepods.slice/crio-conmon-" ID ".scope", NULL, NULL },
	{ "containerd", "/kubepods.slice/cri-containerd-" ID ".scope", "containerd", SHORT },
	{ "Kubernetes, cgroupfs", "/kubepods/besteffort/pod1/" ID, "container", SHORT },
	{ "LXC", "/lxc.payload.mail", "lxc", "mail" },
	{ "LXC, in a sub-cgroup", "/lxc.payload.mail/system.slice/postfix.service", "lxc", "mail" },
	{ "LXC's monitor", "/lxc.monitor.mail", NULL, NULL },
	{ "nspawn", "/machine.slice/machine-mail.scope/payload", "nspawn", "mail" },
	{ "one in another", "/system.slice/docker-" ID ".scope/docker/inner/docker-b.scope",
	  "docker", "b" },
	{ "a service", "/system.slice/postfix.service", NULL, NULL },
	{ "the engine itself", "/system.slice/docker.service", NULL, NULL },
	{ "no name behind the prefix", "/system.slice/docker-.scope", NULL, NULL },
	{ "63 digits", "/docker/310437378e17195018f0b1a2a8b460fc3870a4f30dbce2e77b580b5893eb0ed",
	  NULL, NULL },
	{ "the root", "/", NULL, NULL },
};

static void names(void **state)
{
	const struct path *row = *state;
	struct container_name name;

	assert_int_equal(container_of_path(row->path, &name), row->engine != NULL);
	if (!row->engine)
		return;
	assert_string_equal(name.engine, row->engine);
	assert_string_equal(name.id, row->id);
}

/* A part longer than any id is no id, and is not written beyond the buffer. */
static void long_part(void **state)
{
	char path[4096] = "/docker-";
	struct container_name name;

	(void)state;
	memset(path + strlen(path), 'a', 1000);
	assert_false(container_of_path(path, &name));
	assert_false(container_has_path("a", path));
	strcat(path, "/docker-b.scope");
	assert_true(container_of_path(path, &name));
	assert_string_equal(name.id, "b");
}

static const struct own {
	const char *name, *id, *path;
	bool own;
} own[] = {
	{ "a scope of systemd's", ID, "/system.slice/docker-" ID ".scope", true },
	{ "below it", ID, "/machine.slice/libpod-" ID ".scope/container", true },
	{ "cgroupfs", ID, "/docker/" ID, true },
	{ "a quadlet's", ID, "/system.slice/m.service/libpod-payload-" ID, true },
	{ "a name that was chosen", "mail", "/default/mail", true },
	{ "another container's", "b" ID, "/system.slice/docker-" ID ".scope", false },
	{ "the end of another id", "b0ed", "/system.slice/docker-" ID ".scope", false },
	{ "the beginning of one", "0310", "/system.slice/docker-" ID ".scope", false },
	{ "a service of the host's", ID, "/system.slice/postfix.service", false },
	{ "the root", ID, "/", false },
};

static void is_own(void **state)
{
	const struct own *row = *state;

	assert_int_equal(container_has_path(row->id, row->path), row->own);
}

static const struct text {
	const char *name, *text;
	pid_t pid; /* 0: refused */
	const char *id_or_fault;
} texts[] = {
	{ "as runc says it",
	  "{\"ociVersion\":\"1.2.0\",\"id\":\"" ID
	  "\",\"pid\":4711,\"status\":\"created\",\"bundle\":\"/run/x\",\"annotations\":{\"a\":\"b\"}}\n",
	  4711, ID },
	{ "nothing else", "{\"pid\":1,\"id\":\"x\"}", 1, "x" },
	{ "empty", "", 0, "standard input: empty" },
	{ "not JSON", "pid=1", 0, "standard input: not JSON" },
	{ "cut off", "{\"pid\":1,\"id\":\"x\"", 0, "standard input: not JSON" },
	{ "more than one", "{\"pid\":1,\"id\":\"x\"} {}", 0, "standard input: not JSON" },
	{ "a list", "[1]", 0, "the container's state: has no pid" },
	{ "no pid", "{\"id\":\"x\"}", 0, "the container's state: has no pid" },
	{ "pid 0: stopped", "{\"pid\":0,\"id\":\"x\"}", 0, "the container's state: has no pid" },
	{ "a negative pid", "{\"pid\":-1,\"id\":\"x\"}", 0, "the container's state: has no pid" },
	{ "a pid out of range", "{\"pid\":4294967297,\"id\":\"x\"}", 0,
	  "the container's state: has no pid" },
	{ "a pid that is a string", "{\"pid\":\"1\",\"id\":\"x\"}", 0,
	  "the container's state: has no pid" },
	{ "no id", "{\"pid\":1}", 0, "the container's state: has no id" },
	{ "an empty id", "{\"pid\":1,\"id\":\"\"}", 0, "the container's state: has no id" },
	{ "a NUL in the id", "{\"pid\":1,\"id\":\"x\\u0000y\"}", 0, "standard input: not JSON" },
};

static int input_of(const char *text, size_t len)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void reads(void **state)
{
	const struct text *row = *state;
	int fd = input_of(row->text, strlen(row->text));
	struct oci_state read = { 0 };
	char fault[2048] = "";
	int err = oci_state_read(fd, &read);

	close(fd);
	if (row->pid) {
		assert_int_equal(err, 0);
		assert_int_equal(read.pid, row->pid);
		assert_string_equal(read.id, row->id_or_fault);
		return;
	}
	assert_int_equal(fault_read(err, fault, sizeof(fault)), MMA_EXIT_FAILED);
	assert_memory_equal(fault, row->id_or_fault, strlen(row->id_or_fault));
}

/* A complete state, and then one beyond the size limit. */
static void too_long(void **state)
{
	static char text[(1 << 20) + 1];
	struct oci_state read;
	char fault[2048];
	int fd, err;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"pid\":1,\"id\":\"x\"}", 18);
	fd = input_of(text, sizeof(text) - 1);
	assert_int_equal(oci_state_read(fd, &read), 0);
	close(fd);
	fd = input_of(text, sizeof(text));
	err = oci_state_read(fd, &read);
	close(fd);
	assert_int_equal(fault_read(err, fault, sizeof(fault)), MMA_EXIT_FAILED);
	assert_non_null(strstr(fault, "more than 1 MiB"));
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, names, paths);
	add_test(&suite, "a part of a path that is too long", long_part, NULL);
	add_table(&suite, is_own, own);
	add_table(&suite, reads, texts);
	add_test(&suite, "1 MiB fits, one byte more does not", too_long, NULL);
	return run_suite("container", &suite);
}
