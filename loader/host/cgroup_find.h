/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds a cgroup: by what a caller looks for, and that of a unit by the unit's name. */
#ifndef MMA_CGROUP_FIND_H
#define MMA_CGROUP_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* Whether systemd creates cgroups of such a name, and puts them in the root only if told to
 * (Slice=-.slice). */
bool cgroup_is_unit(const char *name);

/* Calls is_it() for dir and each directory below it, parents first, until it returns true. Returns
 * whether it did. Skips paths that do not fit in PATH_MAX. */
typedef bool cgroup_is_it_fn(const char *dir, void *data);
bool cgroup_search(const char *dir, cgroup_is_it_fn *is_it, void *data);

/* Looks for a cgroup of this name below the mount. ret_path: its path from there. */
bool cgroup_find(const char *mount, const char *name, char *ret_path, size_t size);

#endif
