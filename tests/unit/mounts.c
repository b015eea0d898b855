// SPDX-License-Identifier: GPL-2.0-only
/* Reading mountinfo(5): escapes, stacked mounts, malformed lines. */
#include "suite.h"
#include "fake_files.h"
#include "fault_text.h"
#include "host/mounts.h"

#include <errno.h>
#include <string.h>

#define MOUNTINFO "/proc/self/mountinfo"

#define ROOT "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"

static const struct row {
	const char *name, *mounts, *path;
	const char *point, *root, *type; /* type NULL: none */
} paths[] = {
	{ "the root", ROOT, "/etc", "", "/", "ext4" },
	{ "the root itself", ROOT, "", "", "/", "ext4" },
	{ "the longest point wins",
	  ROOT "23 22 0:5 / /a rw - t1 x rw\n24 23 0:6 / /a/b rw - t2 x rw\n", "/a/b/c", "/a/b",
	  "/", "t2" },
	{ "the longest point wins in any order",
	  "24 23 0:6 / /a/b rw - t2 x rw\n23 22 0:5 / /a rw - t1 x rw\n" ROOT, "/a/b/c", "/a/b",
	  "/", "t2" },
	{ "the point itself", ROOT "23 22 0:5 / /a rw - t1 x rw\n", "/a", "/a", "/", "t1" },
	{ "not by half a name", ROOT "23 22 0:5 / /a rw - t1 x rw\n", "/ab", "", "/", "ext4" },
	{ "a later mount covers an earlier one",
	  ROOT "23 22 0:5 / /a rw - t1 x rw\n24 23 0:6 /sub /a rw - t2 x rw\n", "/a/b", "/a",
	  "/sub", "t2" },
	{ "a later mount over the root", ROOT "23 22 0:5 / / rw - t1 x rw\n", "/a", "", "/", "t1" },
	{ "one optional field", ROOT "23 22 0:5 / /a rw shared:1 - t1 x rw\n", "/a", "/a", "/",
	  "t1" },
	{ "several optional fields",
	  ROOT "23 22 0:5 /r /a rw shared:1 master:2 unbindable - t1 x rw\n", "/a", "/a", "/r",
	  "t1" },
	{ "a blank in the point", ROOT "23 22 0:5 / /a\\040b rw - t1 x rw\n", "/a b/c", "/a b", "/",
	  "t1" },
	{ "a tab and a newline in the point", ROOT "23 22 0:5 / /a\\011\\012b rw - t1 x rw\n",
	  "/a\t\nb", "/a\t\nb", "/", "t1" },
	{ "a backslash in the point", ROOT "23 22 0:5 / /a\\134040b rw - t1 x rw\n", "/a\\040b/c",
	  "/a\\040b", "/", "t1" },
	{ "a blank in the root", ROOT "23 22 0:5 /x\\040y /a rw - t1 x rw\n", "/a", "/a", "/x y",
	  "t1" },
	{ "a backslash that escapes nothing", ROOT "23 22 0:5 / /a\\9b\\04 rw - t1 x rw\n",
	  "/a\\9b\\04", "/a\\9b\\04", "/", "t1" },
	{ "a source that looks like a separator", ROOT "23 22 0:5 / /a rw - t1 - - rw\n", "/a",
	  "/a", "/", "t1" },
	{ "no newline at the end", ROOT "23 22 0:5 / /a rw - t1 x rw", "/a", "/a", "/", "t1" },
	{ "lines that make no sense are passed over",
	  "\n-\n - \n23\n23 22\n23 22 0:5\n23 22 0:5 /\n23 22 0:5 / /a rw\n" ROOT
	  "23 - t1\n23 22 0:5 - t1\n23 22 0:5 / - t1\n",
	  "/a", "", "/", "ext4" },
	{ "no root: nothing", "23 22 0:5 / /a rw - t1 x rw\n", "/b", NULL, NULL, NULL },
	{ "an empty file", "", "/a", NULL, NULL, NULL },
};

static const struct layered {
	const char *name, *mounts, *over; /* NULL: nothing is */
} layers[] = {
#define BPF(device, point) "40 22 " device " / " point " rw - bpf bpf rw\n"
#define HERE "/sys/fs/bpf"
	{ "no mount of this type", ROOT, NULL },
	{ "one", ROOT BPF("0:30", HERE), NULL },
	{ "another one elsewhere", ROOT BPF("0:30", HERE) BPF("0:31", "/mnt"), NULL },
	{ "another one below", ROOT BPF("0:30", HERE) BPF("0:31", HERE "/x"), NULL },
	{ "one over another", ROOT BPF("0:30", HERE) BPF("0:31", HERE), HERE },
	{ "another type over it", ROOT BPF("0:30", HERE) "41 22 0:31 / " HERE " rw - tmpfs x rw\n",
	  HERE },
	{ "one on a directory above", ROOT BPF("0:30", HERE) BPF("0:31", "/sys/fs"), "/sys/fs" },
	{ "one on a directory above, before", ROOT BPF("0:31", "/sys/fs") BPF("0:30", HERE), NULL },
	{ "one over another, and the first again",
	  BPF("0:30", HERE) BPF("0:31", HERE) BPF("0:30", HERE), HERE },
	{ "the same one twice", ROOT BPF("0:30", HERE) BPF("0:30", HERE), NULL },
	{ "another type below", "40 22 0:30 / " HERE " rw - tmpfs x rw\n" BPF("0:31", HERE), NULL },
};

static struct mount found;

static void lies_on(void **state)
{
	const struct row *row = *state;
	bool is_found;

	fake_files_forget();
	fake_file(MOUNTINFO, row->mounts);
	assert_int_equal(mount_of_path(row->path, &found, &is_found), 0);
	assert_int_equal(is_found, row->type != NULL);
	if (!is_found)
		return;
	assert_string_equal(found.point, row->point);
	assert_string_equal(found.root, row->root);
	assert_string_equal(found.type, row->type);
}

static bool has_type(const char *type)
{
	bool is_found;

	assert_int_equal(mount_of_type(type, &found, &is_found), 0);
	return is_found;
}

static void by_type(void **state)
{
	(void)state;
	fake_files_forget();
	fake_file(MOUNTINFO, ROOT "23 22 0:5 / /v1 rw - cgroup x rw\n"
				  "24 22 0:6 / /first rw - cgroup2 x rw\n"
				  "25 22 0:6 / /first/longer rw - cgroup2 x rw\n");
	assert_true(has_type("cgroup2"));
	assert_string_equal(found.point, "/first");
	assert_true(has_type("cgroup"));
	assert_string_equal(found.point, "/v1");
	assert_false(has_type("bpf"));
	assert_false(has_type("cgroup22"));
}

static void no_proc(void **state)
{
	char text[4096];
	bool is_found;
	int err;

	(void)state;
	fake_files_forget();
	fake_file(MOUNTINFO, NULL);
	err = mount_of_type("cgroup2", &found, &is_found);
	assert_true(err < 0);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_FAILED);
	assert_string_equal(text,
			    MOUNTINFO ": cannot be read (No such file or directory); mount proc");
}

/* Names longer than a path can be, and a type longer than its field. */
static void long_fields(void **state)
{
	static char line[5 * PATH_MAX];
	char name[2 * PATH_MAX];
	bool is_found;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(line, sizeof(line), "23 22 0:5 /%s /%s rw - %.100s x rw\n" ROOT, name, name, name);
	fake_files_forget();
	fake_file(MOUNTINFO, line);
	assert_int_equal(mount_of_path("/a", &found, &is_found), 0);
	assert_string_equal(found.type, "ext4");
	name[sizeof(found.type) - 1] = '\0';
	assert_true(has_type(name));
	assert_int_equal(strlen(found.root), PATH_MAX - 1);
	assert_int_equal(strlen(found.point), PATH_MAX - 1);
}

static void covers(void **state)
{
	const struct layered *row = *state;
	bool is;

	fake_files_forget();
	fake_file(MOUNTINFO, row->mounts);
	assert_int_equal(mount_over(HERE, "bpf", &found, &is), 0);
	assert_int_equal(is, row->over != NULL);
	if (is)
		assert_string_equal(found.point, row->over);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, lies_on, paths);
	add_test(&suite, "by type: the first one", by_type, NULL);
	add_test(&suite, "no /proc: a fault", no_proc, NULL);
	add_test(&suite, "fields longer than their place", long_fields, NULL);
	add_table(&suite, covers, layers);
	add_test(&suite, "every file was closed", no_file_is_open, NULL);
	return run_suite("mounts", &suite);
}
