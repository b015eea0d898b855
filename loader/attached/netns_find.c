// SPDX-License-Identifier: GPL-2.0-only
#include "attached/netns_find.h"
#include "report.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define NAMED "/run/netns"

static bool has(const struct netns_set *set, uint64_t cookie)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->list[i].cookie == cookie)
			return true;
	return false;
}

/* Whether each covered namespace is in one of the two sets. */
static bool complete(const struct maps *maps, const struct netns_set *set,
		     const struct netns_set *found)
{
	uint64_t cookie, *previous = NULL;

	while (!bpf_map_get_next_key(maps->netns, previous, &cookie)) {
		if (!has(set, cookie) && !has(found, cookie))
			return false;
		previous = &cookie;
	}
	return true;
}

/* A path that cannot be opened is gone or no namespace; running out of descriptors or memory is
 * a fault. */
static int look_at(struct netns_set *found, const char *path)
{
	int err = netns_add_path(found, path);

	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		return err;
	if (err)
		fault_drop();
	return 0;
}

static int look_at_named(struct netns_set *found)
{
	DIR *d = opendir(NAMED);
	struct dirent *entry;
	char path[PATH_MAX];
	int err = 0;

	while (d && !err && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), NAMED "/%s", entry->d_name);
		err = look_at(found, path);
	}
	if (d)
		closedir(d);
	return err;
}

static int look_at_processes(struct netns_set *found)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;
	char path[PATH_MAX];
	int err = 0;

	while (d && !err && (entry = readdir(d))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		err = look_at(found, path);
	}
	if (d)
		closedir(d);
	return err;
}

int netns_add_covered(struct netns_set *set, const struct maps *maps)
{
	struct netns_set found = { 0 };
	struct mma_netns entry;
	char path[64];
	int err = 0;

	if (!complete(maps, set, &found))
		err = look_at_named(&found);
	if (!err && !complete(maps, set, &found))
		err = look_at_processes(&found);
	for (size_t i = 0; !err && i < found.n; i++) {
		if (has(set, found.list[i].cookie) ||
		    bpf_map_lookup_elem(maps->netns, &found.list[i].cookie, &entry))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", found.list[i].fd);
		err = netns_add_path(set, path);
	}
	netns_free(&found);
	return err;
}
