/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the cgroup of a unit by the unit's name. */
#ifndef MMA_CGROUP_FIND_H
#define MMA_CGROUP_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* Whether systemd creates cgroups of such a name, and puts them in the root only if told to
 * (Slice=-.slice). */
bool cgroup_is_unit(const char *name);

/* Looks for a cgroup of this name below the mount. ret_path: its path from there. */
bool cgroup_find(const char *mount, const char *name, char *ret_path, size_t size);

#endif
