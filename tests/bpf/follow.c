// SPDX-License-Identifier: GPL-2.0-only
/* follow_mkdir and follow_rmdir, attached in this kernel: cgroups at attached paths are
 * created and removed. */
#include "abi.h"
#include "suite.h"
#include "host/mounts.h"
#include "object.h"
#include "tree.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bpf_object *object;
static struct bpf_link *links[2];
static struct tree tree, v1;
static int cgroups, departed, paths, stats;

static void begin(void)
{
	static const char *const programs[] = { "follow_mkdir", "follow_rmdir" };

	need_bpf();
	object = load_product();
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		links[i] = bpf_program__attach_trace(
			bpf_object__find_program_by_name(object, programs[i]));
		if (!links[i])
			fail_because("%s: %s", programs[i], strerror(errno));
	}
	cgroups = map_fd(object, "cgroups");
	departed = map_fd(object, "departed");
	paths = map_fd(object, "paths");
	stats = map_fd(object, "stats");
	tree_begin(&tree);
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		bpf_link__destroy(links[i]);
		links[i] = NULL;
	}
	bpf_object__close(object);
	object = NULL;
	if (tree.top[0])
		tree_end(&tree);
	if (v1.top[0])
		tree_end(&v1);
	return 0;
}

/* A path below the test's own cgroup. */
static const char *below(const char *name)
{
	static char path[16][MMA_PATH_SIZE];
	static unsigned int next;
	char *ret = path[next++ % 16];

	snprintf(ret, sizeof(path[0]), "%s%s", tree.top, name);
	return ret;
}

static void attach(const char *path, uint32_t slot)
{
	struct mma_path_key key = { { 0 } };
	struct mma_path value = { .slot = slot };

	assert_in_range(strlen(path), 1, sizeof(key.path) - 1);
	strcpy(key.path, path);
	assert_int_equal(bpf_map_update_elem(paths, &key, &value, BPF_ANY), 0);
}

/* The slot that a map has for an id; -1 if it has none. */
static int64_t slot_in(int map, uint64_t id)
{
	struct mma_service_ref ref;

	return bpf_map_lookup_elem(map, &id, &ref) ? -1 : (int64_t)ref.slot;
}

static unsigned int entries(int map)
{
	uint64_t key, *at = NULL;
	unsigned int n = 0;

	while (!bpf_map_get_next_key(map, at, &key)) {
		at = &key;
		n++;
	}
	return n;
}

static uint64_t restarts(uint32_t slot)
{
	struct mma_stats s;

	assert_int_equal(bpf_map_lookup_elem(stats, &slot, &s), 0);
	return s.counters[MMA_RESTARTS];
}

static void comes_and_goes(void **state)
{
	const char *path = below("/a.service");
	uint64_t first, second;

	(void)state;
	attach(path, 7);
	first = tree_make(&tree, path);
	assert_int_equal(slot_in(cgroups, first), 7);
	assert_int_equal(slot_in(departed, first), -1);
	assert_int_equal(restarts(7), 1);
	tree_remove(&tree, path);
	assert_int_equal(slot_in(cgroups, first), -1);
	assert_int_equal(slot_in(departed, first), 7);
	second = tree_make(&tree, path);
	assert_int_not_equal(first, second);
	assert_int_equal(slot_in(cgroups, second), 7);
	assert_int_equal(slot_in(departed, first), 7);
	assert_int_equal(restarts(7), 2);
	assert_int_equal(entries(cgroups), 1);
}

static void others_do_not(void **state)
{
	const char *path = below("/a");
	uint64_t id;

	(void)state;
	attach(path, 7);
	tree_make(&tree, below("/ab"));
	tree_make(&tree, below("/b"));
	tree_make(&tree, below("/b/a"));
	tree_remove(&tree, below("/b/a"));
	assert_int_equal(entries(cgroups), 0);
	assert_int_equal(entries(departed), 0);
	id = tree_make(&tree, path);
	tree_make(&tree, below("/a/a")); /* covered by its parent, not by itself */
	assert_int_equal(entries(cgroups), 1);
	assert_int_equal(slot_in(cgroups, id), 7);
	assert_int_equal(restarts(7), 1);
}

static void nested(void **state)
{
	uint64_t outer, middle, inner;

	(void)state;
	attach(below("/p"), 1);
	attach(below("/p/q/r"), 2);
	outer = tree_make(&tree, below("/p"));
	middle = tree_make(&tree, below("/p/q"));
	inner = tree_make(&tree, below("/p/q/r"));
	assert_int_equal(slot_in(cgroups, outer), 1);
	assert_int_equal(slot_in(cgroups, middle), -1);
	assert_int_equal(slot_in(cgroups, inner), 2);
	tree_remove(&tree, below("/p/q/r"));
	assert_int_equal(slot_in(cgroups, outer), 1);
	assert_int_equal(slot_in(cgroups, inner), -1);
	assert_int_equal(slot_in(departed, inner), 2);
}

static void detached(void **state)
{
	struct mma_path_key key = { { 0 } };
	const char *path = below("/gone");

	(void)state;
	attach(path, 3);
	strcpy(key.path, path);
	assert_int_equal(bpf_map_delete_elem(paths, &key), 0);
	tree_make(&tree, path);
	tree_remove(&tree, path);
	assert_int_equal(entries(cgroups), 0);
	assert_int_equal(entries(departed), 0);
}

/* A path without a slot (attached by the id of a removed cgroup) counts nowhere. */
static void no_slot(void **state)
{
	const char *path = below("/n");
	uint64_t id;

	(void)state;
	attach(path, MMA_NO_SLOT);
	id = tree_make(&tree, path);
	assert_int_equal(slot_in(cgroups, id), MMA_NO_SLOT);
	tree_remove(&tree, path);
	assert_int_equal(slot_in(departed, id), MMA_NO_SLOT);
}

/* A path of this many bytes from the root, whose last component is not created yet. */
static void long_path(char *ret, size_t bytes)
{
	size_t used = strlen(strcpy(ret, tree.top));

	while (bytes - used > 202) {
		ret[used++] = '/';
		memset(ret + used, 'x', 200);
		used += 200;
		ret[used] = '\0';
		tree_make(&tree, ret);
	}
	ret[used++] = '/';
	memset(ret + used, 'y', bytes - used);
	ret[bytes] = '\0';
}

static void longest(void **state)
{
	char path[MMA_PATH_SIZE];
	uint64_t id;

	(void)state;
	long_path(path, MMA_PATH_SIZE - 2);
	attach(path, 5);
	id = tree_make(&tree, path);
	assert_int_equal(slot_in(cgroups, id), 5);
	tree_remove(&tree, path);
	assert_int_equal(slot_in(departed, id), 5);
}

static void too_long(void **state)
{
	char path[MMA_PATH_SIZE], longer[2 * MMA_PATH_SIZE];

	(void)state;
	long_path(path, MMA_PATH_SIZE - 1);
	attach(path, 5); /* which the loader never does */
	tree_make(&tree, path);
	assert_int_equal(entries(cgroups), 0);
	/* A path with the same start, which would be truncated there. */
	snprintf(longer, sizeof(longer), "%syyy", path);
	tree_make(&tree, longer);
	assert_int_equal(entries(cgroups), 0);
}

/* The same path in a v1 hierarchy, if this machine has one. */
static void cgroup_v1(void **state)
{
	struct mount mount;
	bool found;

	(void)state;
	if (mount_of_type("cgroup", &mount, &found) || !found)
		skip_because("no cgroup v1 hierarchy is mounted");
	v1 = tree;
	strcpy(v1.mount, mount.point);
	attach(below("/v1"), 7);
	tree_make(&v1, v1.top);
	tree_make(&v1, below("/v1"));
	assert_int_equal(entries(cgroups), 0);
	tree_remove(&v1, below("/v1"));
	assert_int_equal(entries(departed), 0);
	show("%s", mount.point);
}

static const struct row {
	const char *name;
	CMUnitTestFunction test;
} rows[] = {
	{ "an attached path comes, goes, and comes again", comes_and_goes },
	{ "other paths do not", others_do_not },
	{ "nested paths, each on its own", nested },
	{ "a detached path is forgotten", detached },
	{ "a path without a slot", no_slot },
	{ "the longest path, 510 bytes", longest },
	{ "511 bytes, and what is cut off there: nothing", too_long },
	{ "the same path in cgroup v1: nothing", cgroup_v1 },
};

static void run(void **state)
{
	const struct row *row = *state;

	begin(); /* not in cmocka's set-up, which cannot skip */
	row->test(state);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, run, rows);
	for (size_t i = 0; i < suite.n; i++)
		suite.tests[i].teardown_func = end;
	return run_suite("follow", &suite);
}
