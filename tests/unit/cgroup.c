// SPDX-License-Identifier: GPL-2.0-only
/* PATH of --cgroup, on a machine whose mounts and own cgroup are set by the test. */
#include "host/cgroup_path.h"
#include "suite.h"
#include "fake_files.h"
#include "fault_text.h"

#include <errno.h>
#include <string.h>

#define MOUNTINFO "/proc/self/mountinfo"
#define OWN "/proc/self/cgroup"

#define ROOT "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
#define UNIFIED ROOT "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#define HYBRID                                                         \
	ROOT "29 22 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"       \
	     "30 29 0:26 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n" \
	     "31 29 0:27 / /sys/fs/cgroup/pids rw - cgroup c rw,pids\n"
#define V1 ROOT "31 22 0:27 / /sys/fs/cgroup/pids rw - cgroup c rw,pids\n"
/* A bind-mounted subtree, as in a container with the host's cgroups. */
#define SUBTREE ROOT "30 22 0:26 /machine.slice/c1 /sys/fs/cgroup rw - cgroup2 c rw\n"
/* The same from inside a cgroup namespace below it. */
#define ABOVE ROOT "30 22 0:26 /../.. /sys/fs/cgroup rw - cgroup2 c rw\n"

#define FS "/sys/fs/cgroup"
#define SERVICE "/system.slice/postfix.service"

static const struct good {
	const char *name, *mounts, *own, *arg, *key, *dir;
} good[] = {
	{ "absolute", UNIFIED, "", FS SERVICE, SERVICE, FS SERVICE },
	{ "absolute, hybrid", HYBRID, "", FS "/unified" SERVICE, SERVICE, FS "/unified" SERVICE },
	{ "relative to the root of the hierarchy", UNIFIED, "", "system.slice/postfix.service",
	  SERVICE, FS SERVICE },
	{ "relative, hybrid", HYBRID, "", "system.slice/postfix.service", SERVICE,
	  FS "/unified" SERVICE },
	{ "one level", UNIFIED, "", "mail", "/mail", FS "/mail" },
	{ "slashes at the end", UNIFIED, "", FS "/mail///", "/mail", FS "/mail" },
	{ "slashes and dots between", UNIFIED, "", "/./sys//fs/./cgroup/./a//./b/.", "/a/b",
	  FS "/a/b" },
	{ "a relative path that starts with a dot", UNIFIED, "", "./a", "/a", FS "/a" },
	{ "names that begin with dots", UNIFIED, "", "..a/.b/...", "/..a/.b/...",
	  FS "/..a/.b/..." },
	{ "white space, and what mountinfo escapes", UNIFIED, "", "a b/c\\040d", "/a b/c\\040d",
	  FS "/a b/c\\040d" },
	{ "a subtree that is bind-mounted", SUBTREE, "", FS "/svc", "/machine.slice/c1/svc",
	  FS "/svc" },
	{ "a cgroup called self", UNIFIED, "0::/other\n", "./self", "/self", FS "/self" },
	{ "self", UNIFIED, "0::" SERVICE "\n", "self", SERVICE, FS SERVICE },
	{ "self, hybrid", HYBRID, "9:pids:/x\n1:name=systemd:/y\n0::" SERVICE "\n", "self", SERVICE,
	  FS "/unified" SERVICE },
	{ "self in .control of systemd", UNIFIED, "0::" SERVICE "/.control\n", "self", SERVICE,
	  FS SERVICE },
	{ "self in a sub-cgroup of the service's own", UNIFIED, "0::" SERVICE "/control\n", "self",
	  SERVICE "/control", FS SERVICE "/control" },
	{ "as systemctl, --status and /proc write it", UNIFIED, "", SERVICE, SERVICE, FS SERVICE },
	{ "the same, hybrid", HYBRID, "", SERVICE, SERVICE, FS "/unified" SERVICE },
	{ "the same, on a subtree that is bind-mounted", SUBTREE, "",
	  "/machine.slice/c1/svc.service", "/machine.slice/c1/svc.service", FS "/svc.service" },
	{ "the same, with slashes and dots", UNIFIED, "", "//system.slice/./postfix.service/",
	  SERVICE, FS SERVICE },
	{ "in a slice that is not there", UNIFIED, "", "/mail.slice/x", "/mail.slice/x",
	  FS "/mail.slice/x" },
	{ "in a cgroup of the root that is no slice", UNIFIED, "", "/lxc/mail", "/lxc/mail",
	  FS "/lxc/mail" },
	{ "a service in the root, which is not there", UNIFIED, "", "/postfix.service",
	  "/postfix.service", FS "/postfix.service" },
	{ "a unit in the root, which is there", UNIFIED, "", "nginx.service", "/nginx.service",
	  FS "/nginx.service" },
	{ "a unit that is nowhere", UNIFIED, "", "nowhere-to-be-found.service",
	  "/nowhere-to-be-found.service", FS "/nowhere-to-be-found.service" },
	{ "a slice's name", UNIFIED, "", "mail.slice", "/mail.slice", FS "/mail.slice" },
	{ "self on a subtree that is bind-mounted", SUBTREE, "0::/machine.slice/c1/svc\n", "self",
	  "/machine.slice/c1/svc", FS "/svc" },
};

#define NOT_INSIDE_SUCH_AS(mount)                              \
	": not inside a cgroup2 mount; pass a path inside it," \
	" such as " mount "/system.slice/postfix.service"
#define NOT_INSIDE NOT_INSIDE_SUCH_AS(FS)
#define IS_ROOT ": the root of the hierarchy is the whole host; name the cgroup of a service"
#define DOTS ": \"..\" is not accepted in a cgroup's path; write it out"
#define ON_V1 ": on a cgroup v1 hierarchy; give the path inside the cgroup2 mount"
#define NO_CGROUP2 "cgroup2: not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup"

static const struct bad {
	const char *name, *mounts, *own, *arg;
	enum mma_exit code;
	const char *message;
} bad[] = {
	{ "nothing", UNIFIED, "", "", 2, "an empty --cgroup; name the cgroup of a service" },
	{ "/", UNIFIED, "", "/", 2, "/" NOT_INSIDE },
	{ "the mount's root", UNIFIED, "", FS, 2, FS IS_ROOT },
	{ "the mount's root with a slash", UNIFIED, "", FS "/", 2, FS "/" IS_ROOT },
	{ "the root, relative", UNIFIED, "", ".", 2, "." IS_ROOT },
	{ "self in the root", UNIFIED, "0::/\n", "self", 2, "self" IS_ROOT },
	{ "self outside the cgroup namespace", UNIFIED, "0::/../svc\n", "self", 2, "self" DOTS },
	{ "..", UNIFIED, "", FS "/a/../b", 2, FS "/a/../b" DOTS },
	{ ".. at the end", UNIFIED, "", "a/..", 2, "a/.." DOTS },
	{ ".. at the start", UNIFIED, "", "../a", 2, "../a" DOTS },
	{ "outside", UNIFIED, "", "/etc", 2, "/etc" NOT_INSIDE },
	{ "beside the mount", UNIFIED, "", "/sys/fs/cgroups/a", 2, "/sys/fs/cgroups/a" NOT_INSIDE },
	{ "the file of a unit", UNIFIED, "", "/etc/systemd/system/x.service", 2,
	  "/etc/systemd/system/x.service" NOT_INSIDE },
	{ "a slice, and a file has this path", UNIFIED, "", "/there.slice/file", 2,
	  "/there.slice/file" NOT_INSIDE },
	{ "a file of the hierarchy's root", UNIFIED, "", "/cgroup.procs", 2,
	  "/cgroup.procs" NOT_INSIDE },
	{ "a slice that the mount does not show", SUBTREE, "", SERVICE, 2, SERVICE NOT_INSIDE },
	{ "a slice above the cgroup namespace", ABOVE, "", SERVICE, 2, SERVICE NOT_INSIDE },
	{ "a unit's name", UNIFIED, "", "postfix.service", 2,
	  "postfix.service: the name of a unit; give the path of its cgroup, " SERVICE },
	{ "a line of /proc/PID/cgroup", UNIFIED, "", "0::" SERVICE, 2,
	  "0::" SERVICE ": not a path; give what follows 0::" },
	{ "a line of systemctl show", UNIFIED, "", "ControlGroup=" SERVICE, 2,
	  "ControlGroup=" SERVICE ": not a path; give what follows ControlGroup=" },
	{ "one that is gone, of /proc/PID/cgroup", UNIFIED, "", SERVICE " (deleted)", 2,
	  SERVICE " (deleted): not a path; leave out \"(deleted)\"" },
	{ "the hybrid layout's tmpfs", HYBRID, "", FS "/a", 2,
	  FS "/a" NOT_INSIDE_SUCH_AS(FS "/unified") },
	{ "cgroup v1", HYBRID, "", FS "/pids/a", 2, FS "/pids/a" ON_V1 },
	{ "the root of cgroup v1", HYBRID, "", FS "/pids", 2, FS "/pids" ON_V1 },
	{ "no cgroup2, relative", V1, "", "a", 1, NO_CGROUP2 },
	{ "no cgroup2, absolute", V1, "", FS "/unified/a", 1, NO_CGROUP2 },
	{ "no mount at all", "", "", "/a", 1, NO_CGROUP2 },
	{ "no /proc, absolute", NULL, "", "/a", 1,
	  MOUNTINFO ": cannot be read (No such file or directory); mount proc" },
	{ "no /proc, self", UNIFIED, NULL, "self", 1,
	  OWN ": cannot be read (No such file or directory); mount proc" },
	{ "self without cgroup2", UNIFIED, "3:pids:/a\n", "self", 1,
	  "self: this process is in no cgroup of the v2 hierarchy; mount cgroup2" },
	{ "self outside a subtree that is bind-mounted", SUBTREE, "0::/machine.slice/c10/x\n",
	  "self", 1,
	  "self: the cgroup /machine.slice/c10/x is not below the cgroup2 mount " FS
	  "; mount all of cgroup2, or attach from the host" },
	{ "self above the cgroup namespace", ABOVE, "0::/svc\n", "self", 1,
	  "self: the cgroup /svc is not below the cgroup2 mount " FS
	  "; mount all of cgroup2, or attach from the host" },
	{ "a file of a cgroup", UNIFIED, "", FS "/a/cgroup.procs", 2,
	  FS "/a/cgroup.procs: not a directory; name the cgroup itself" },
	{ "in a cgroup namespace, not there", ABOVE, "", FS "/nosuch", 1,
	  FS "/nosuch: not there (No such file or directory), and inside a cgroup namespace"
	     " a path cannot be followed; create it first, or attach from the host" },
};

static struct cgroup cgroup;

static void machine(const char *mounts, const char *own)
{
	fake_files_forget();
	fake_file(MOUNTINFO, mounts);
	fake_file(OWN, own);
	fake_dir("/proc/self/ns/mnt", 1); /* the host's mount namespace */
	fake_dir("/proc/1/ns/mnt", 1);
	fake_dir("/proc/self/root/", 2); /* from the host's root */
	fake_dir("/proc/1/root/", 2);
	fake_dir(FS "/", 1);
	fake_dir(FS "/unified/", 1);
	fake_dir(FS "/a/cgroup.procs", 0);
	fake_dir(FS "/cgroup.procs", 0);
	fake_dir(FS "/lxc", 5);
	fake_dir(FS "/nginx.service", 6);
	fake_dir(FS "/system.slice/nginx.service", 7);
	fake_dir(FS SERVICE, 8);
	fake_dir("/there.slice/file", 0);
	memset(&cgroup, 0xee, sizeof(cgroup));
}

static void resolves(void **state)
{
	const struct good *row = *state;
	struct mma_path_key key = { 0 };
	struct cgroup again;
	bool there;

	machine(row->mounts, row->own);
	assert_int_equal(cgroup_resolve(row->arg, &cgroup), 0);
	assert_string_equal(cgroup.key.path, row->key);
	assert_string_equal(cgroup.dir, row->dir);
	assert_false(cgroup.by_id);
	/* The whole key of a hash counts. */
	snprintf(key.path, sizeof(key.path), "%s", row->key);
	assert_memory_equal(&cgroup.key, &key, sizeof(key));
	assert_int_equal(cgroup_of_key(&key, &again, &there), 0);
	assert_true(there);
	assert_string_equal(again.dir, row->dir);
}

static void refuses(void **state)
{
	const struct bad *row = *state;
	char text[8192];
	int err;

	machine(row->mounts, row->own);
	err = cgroup_resolve(row->arg, &cgroup);
	assert_true(err < 0);
	assert_int_equal(fault_read(err, text, sizeof(text)), row->code);
	assert_string_equal(text, row->message);
}

/* In another mount namespace or in a chroot, nothing may be mounted. */
static void elsewhere(void **state)
{
	static const struct {
		const char *name, *place;
	} rows[] = {
		{ "/proc/self/ns/mnt", "cgroup2: not mounted in this mount namespace; " },
		{ "/proc/self/root/", "cgroup2: not mounted below this root directory; " },
	};
	char text[8192];
	int err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		machine("", "");
		fake_dir(rows[i].name, 3);
		err = cgroup_resolve("a", &cgroup);
		assert_int_equal(fault_read(err, text, sizeof(text)), 1);
		assert_non_null(strstr(text, rows[i].place));
		assert_non_null(strstr(text, "nsenter"));
	}
}

/* If the tool cannot know whether a cgroup exists, it does not report that it is gone. */
static void key_without_cgroup2(void **state)
{
	struct mma_path_key key = { "id:4711" };
	char text[8192];
	bool there;
	int err;

	(void)state;
	machine("", "");
	err = cgroup_of_key(&key, &cgroup, &there);
	assert_true(err < 0);
	assert_int_equal(fault_read(err, text, sizeof(text)), 1);
	assert_string_equal(text, NO_CGROUP2);
}

/* The longest path that fits into a key, and that follow can tell from a truncated one. */
static void length(void **state)
{
	char path[MMA_PATH_SIZE + 1], text[8192];
	int err;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[NAME_MAX] = '/';
	machine(UNIFIED, "");
	path[MMA_PATH_SIZE - 3] = '\0'; /* with the slash in front: 510 bytes */
	assert_int_equal(cgroup_resolve(path, &cgroup), 0);
	assert_int_equal(strlen(cgroup.key.path), MMA_PATH_SIZE - 2);
	path[MMA_PATH_SIZE - 3] = 'x';
	path[MMA_PATH_SIZE - 2] = '\0';
	err = cgroup_resolve(path, &cgroup);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: too long;"
				  " a cgroup's path may have 510 bytes");
	machine(SUBTREE, ""); /* the mount's root counts, too */
	path[MMA_PATH_SIZE - 3 - strlen("/machine.slice/c1")] = '\0';
	assert_int_equal(cgroup_resolve(path, &cgroup), 0);
	path[MMA_PATH_SIZE - 3 - strlen("/machine.slice/c1")] = 'x';
	path[MMA_PATH_SIZE - 2 - strlen("/machine.slice/c1")] = '\0';
	err = cgroup_resolve(path, &cgroup);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
}

static void length_of_a_name(void **state)
{
	char name[NAME_MAX + 2], text[8192];
	int err;

	(void)state;
	memset(name, 'x', sizeof(name));
	machine(UNIFIED, "");
	name[NAME_MAX] = '\0';
	assert_int_equal(cgroup_resolve(name, &cgroup), 0);
	name[NAME_MAX] = 'x';
	name[NAME_MAX + 1] = '\0';
	err = cgroup_resolve(name, &cgroup);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: too long;"
				  " the name of one cgroup may have 255 bytes");
}

/* Longer than any buffer that the path passes through. */
static void great_length(void **state)
{
	static char path[3 * PATH_MAX];
	char text[8192];
	int err;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	for (int absolute = 0; absolute < 2; absolute++) {
		machine(UNIFIED, "");
		path[0] = absolute ? '/' : 'x';
		err = cgroup_resolve(path, &cgroup);
		assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
		assert_non_null(strstr(text, "too long"));
	}
}

static void depth(void **state)
{
	char path[2 * MMA_MAX_LEVEL + 3] = "", text[8192];
	int err;

	(void)state;
	machine(UNIFIED, "");
	for (int i = 0; i < MMA_MAX_LEVEL; i++)
		strcat(path, i ? "/a" : "a");
	assert_int_equal(cgroup_resolve(path, &cgroup), 0);
	assert_true(cgroup_level_bit(&cgroup.key) == 1ULL << 63);
	strcat(path, "/a");
	err = cgroup_resolve(path, &cgroup);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_non_null(strstr(text, ": deeper than 63 levels; attach one of its parents"));
}

/* The root belongs to another cgroup: only the id is known. */
static void by_id(void **state)
{
	struct mma_path_key key = { "id:4711" };

	(void)state;
	machine(UNIFIED, "");
	fake_dir(FS "/", 77);
	fake_dir(FS "/svc", 4711);
	assert_int_equal(cgroup_resolve(FS "/svc", &cgroup), 0);
	assert_true(cgroup.by_id);
	assert_memory_equal(&cgroup.key, &key, sizeof(key));
	machine(ABOVE, "");
	fake_dir(FS "/svc", 4711);
	assert_int_equal(cgroup_resolve(FS "/svc", &cgroup), 0);
	assert_true(cgroup.by_id);
	assert_memory_equal(&cgroup.key, &key, sizeof(key));
}

/* A key from an earlier time, and a mount that does not show it. */
static void not_below_the_mount(void **state)
{
	struct mma_path_key longer = { "/machine.slice/c10/svc" }, root = { "/machine.slice/c1" };
	bool there;

	(void)state;
	machine(SUBTREE, "");
	assert_int_equal(cgroup_of_key(&longer, &cgroup, &there), 0);
	assert_false(there);
	assert_int_equal(cgroup_of_key(&root, &cgroup, &there), 0);
	assert_true(there);
	assert_string_equal(cgroup.dir, FS);
}

static const struct level {
	const char *name;
	uint64_t bit;
} levels[] = {
	{ "/a", 1 << 1 },
	{ "/system.slice/postfix.service", 1 << 2 },
	{ "/a/b/c/d", 1 << 4 },
	{ "id:4711", ~1ULL }, /* all but the root */
};

static void has_level(void **state)
{
	const struct level *row = *state;
	struct mma_path_key key = { { 0 } };

	snprintf(key.path, sizeof(key.path), "%s", row->name);
	assert_true(cgroup_level_bit(&key) == row->bit);
}

static const struct parent {
	const char *name, *path, *parent;
} parents[] = {
	{ "of a child", "/a/b", "/a" },
	{ "of a grandchild", "/a/bc/d", "/a/bc" },
	{ "of a name with a space at its end", "/a /b ", "/a " },
	{ "none at the first level", "/a", NULL },
	{ "none of an id", "id:47", NULL },
};

static void has_parent(void **state)
{
	const struct parent *row = *state;
	struct mma_path_key key = { { 0 } }, parent = { { 0 } };

	snprintf(key.path, sizeof(key.path), "%s", row->path);
	snprintf(parent.path, sizeof(parent.path), "%s", row->parent ? row->parent : row->path);
	assert_int_equal(cgroup_parent(&key), row->parent != NULL);
	assert_memory_equal(&key, &parent, sizeof(key)); /* the whole key counts */
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, resolves, good);
	add_table(&suite, refuses, bad);
	add_test(&suite, "no cgroup2 in another mount namespace, and in a chroot", elsewhere, NULL);
	add_test(&suite, "a key, where no cgroup2 is mounted", key_without_cgroup2, NULL);
	add_test(&suite, "510 bytes fit, 511 do not", length, NULL);
	add_test(&suite, "255 bytes of a name fit, 256 do not", length_of_a_name, NULL);
	add_test(&suite, "far too long, relative and absolute", great_length, NULL);
	add_test(&suite, "63 levels fit, 64 do not", depth, NULL);
	add_test(&suite, "in a cgroup namespace: by id", by_id, NULL);
	add_test(&suite, "a key that the mount does not show", not_below_the_mount, NULL);
	add_table(&suite, has_level, levels);
	add_table(&suite, has_parent, parents);
	add_test(&suite, "every file was closed", no_file_is_open, NULL);
	return run_suite("cgroup", &suite);
}
