// SPDX-License-Identifier: GPL-2.0-only
/* --check: whether this machine can do it, and what to do if not. It looks, and briefly loads and
 * attaches the programs with empty maps. Needs no lock. */
#include "check/check.h"
#include "check/json.h"
#include "check/parts.h"
#include "check/text.h"
#include "host/cgroup_path.h"
#include "host/mounts.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAMES 512

static void check_cgroup2(struct checks *checks, const struct check_subject *subject)
{
	struct mount mount;
	bool found;

	if (mount_of_type("cgroup2", &mount, &found))
		check_fault(checks, "cgroup2", CHECK_FAIL);
	else if (found)
		check_ok(checks, "cgroup2", "mounted on %s", mount.point);
	else if (subject->root && !mounts_are_hosts())
		check_fail(checks, "cgroup2", HOST_REMEDY, "not mounted %s", mounts_place());
	else
		check_fail(
			checks, "cgroup2",
			"mount it: mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1",
			"not mounted, and services are chosen by cgroups of version 2");
}

/* Resolves the cgroup of the command line. A refused path is a usage error; if no cgroup2 is
 * mounted, the line about that has already reported it. */
static int find_cgroup(const struct request *request, struct checks *checks,
		       struct check_subject *subject)
{
	uint64_t id;
	int err;

	if (!request->cgroups.n)
		return 0;
	err = cgroup_resolve(request->cgroups.list[0], &subject->cgroup);
	if (err && checks->n && checks->list[checks->n - 1].result == CHECK_FAIL) {
		fault_drop();
		return 0;
	}
	if (err)
		return err;
	subject->given = true;
	subject->there = !cgroup_id(subject->cgroup.dir, &id) && id;
	if (subject->cgroup.by_id)
		check_warn(
			checks, "cgroup", "attach from the host",
			"%s: in a cgroup namespace, so it is attached by id until its next restart",
			subject->cgroup.dir);
	else if (!subject->there)
		check_warn(checks, "cgroup", "run this again when it exists",
			   "%s: does not exist yet, so its processes cannot be examined",
			   subject->cgroup.key.path);
	else
		check_ok(checks, "cgroup", "%s", subject->cgroup.key.path);
	return 0;
}

/* Reads the cgroup's processes and their namespaces, or else our own. Leaves out what cannot be
 * read: the checks that need it report that. */
static void read_subject(struct check_subject *subject)
{
	int err = 0;

	if (subject->there)
		err = cgroup_tree_read(subject->cgroup.dir, &subject->tree);
	if (!err && subject->root)
		err = netns_add_processes(&subject->namespaces, &subject->tree);
	if (!err && subject->root && !subject->namespaces.n)
		err = netns_add_own(&subject->namespaces);
	if (err)
		fault_drop();
}

/* The unmet requirements, as the last line and the exit code. */
static int conclude(const struct checks *checks)
{
	char names[MAX_NAMES] = "";
	size_t used = 0, failed = 0;

	if (checks->no_memory)
		return fault(ENOMEM, "check: out of memory");
	for (size_t i = 0; i < checks->n; i++) {
		if (checks->list[i].result != CHECK_FAIL)
			continue;
		if (used + strlen(checks->list[i].name) + 3 < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 failed ? ", " : "", checks->list[i].name);
		failed++;
	}
	if (!failed)
		return 0;
	return fault_kernel(ENOTSUP, "check: not met: %s; the lines marked ✗ say what to do",
			    names);
}

int check_run(const struct request *request)
{
	struct check_subject subject = { 0 };
	struct checks checks = { 0 };
	int err;

	check_rights(&checks, &subject);
	check_kernel(&checks, &subject);
	check_trials(&checks, &subject);
	check_bpffs(&checks, &subject);
	check_cgroup2(&checks, &subject);
	err = find_cgroup(request, &checks, &subject);
	if (!err) {
		read_subject(&subject);
		check_network(&checks, &subject);
		check_containers(&checks);
		if (subject.given)
			check_service(&checks, &subject);
		if (request->json)
			err = check_print_json(&checks);
		else
			check_print_text(&checks);
	}
	if (!err)
		err = conclude(&checks);
	netns_free(&subject.namespaces);
	cgroup_tree_free(&subject.tree);
	checks_free(&checks);
	return err;
}
