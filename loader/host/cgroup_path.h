/* SPDX-License-Identifier: GPL-2.0-only */
/* What --cgroup accepts: a path in one of the usual forms, or "self". */
#ifndef MMA_CGROUP_PATH_H
#define MMA_CGROUP_PATH_H

#include "host/cgroup.h"

/* Reads PATH or "self" of the command line. The cgroup need not exist yet, unless it can only
 * be attached by id. Returns 0 or a fault; a usage fault if the contract refuses the path. */
int cgroup_resolve(const char *arg, struct cgroup *ret);

#endif
