/* SPDX-License-Identifier: GPL-2.0-only */
/* --check: a list of requirements, each with what was found. Nothing here
 * changes anything that outlives the process. */
#ifndef MMA_CHECK_H
#define MMA_CHECK_H

#include "cgroup.h"
#include "cgroup_tree.h"
#include "netns.h"
#include <stdbool.h>
#include <stddef.h>

enum check_result {
	CHECK_OK,
	CHECK_WARN, /* works, but there is something to know */
	CHECK_FAIL,
};

struct check {
	const char *name; /* a contract, as it is in --json */
	enum check_result result;
	char *text, *remedy; /* remedy: "" where there is nothing to do */
};

struct checks {
	struct check *list;
	size_t n;
	bool no_memory; /* one is missing */
};

void check_ok(struct checks *checks, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_warn(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check_fail(struct checks *checks, const char *name, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The remembered fault, "object: cause; remedy", which is forgotten. */
void check_fault(struct checks *checks, const char *name, enum check_result result);

/* What is looked at. */
struct check_subject {
	bool root; /* the host's, with what it takes */
	bool given; /* --cgroup, and it could be resolved */
	struct cgroup cgroup;
	bool there;
	struct cgroup_tree tree; /* of the cgroup, if there */
	struct netns_set namespaces; /* of its processes, or else ours; none: only ours is seen */
};

/* Each adds its lines. */
void check_rights(struct checks *checks, struct check_subject *subject); /* sets root */
void check_kernel(struct checks *checks, const struct check_subject *subject);
void check_trials(struct checks *checks, const struct check_subject *subject);
void check_bpffs(struct checks *checks, const struct check_subject *subject);
void check_network(struct checks *checks, const struct check_subject *subject);
void check_service(struct checks *checks, const struct check_subject *subject);

void check_print_text(const struct checks *checks);
int check_print_json(const struct checks *checks);

#endif
