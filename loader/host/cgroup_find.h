/* SPDX-License-Identifier: GPL-2.0-only */
/* The cgroup of a unit, by the unit's name. */
#ifndef MMA_CGROUP_FIND_H
#define MMA_CGROUP_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* Whether systemd makes cgroups of such a name, and not in the root unless told to
 * (Slice=-.slice). */
bool cgroup_is_unit(const char *name);

/* Looks for a cgroup of this name below the mount: its path from there in ret_path. */
bool cgroup_find(const char *mount, const char *name, char *ret_path, size_t size);

#endif
