/* SPDX-License-Identifier: GPL-2.0-only */
/* What --connections knows: the live connections of attached services, read from the
 * kernel at that moment. How it is written is the views': text.h and json.h. */
#ifndef MMA_CONNECTIONS_READING_H
#define MMA_CONNECTIONS_READING_H

#include "connections/connection.h"
#include "host/cgroup.h"

/* Reads all of it, or of the cgroup of the command line alone; into what may be
 * uninitialised. 0, also where nothing is attached, or a fault. The caller frees it with
 * connections_free(), also then. */
int connections_read(const struct cgroup *cgroup, struct connections *ret);
void connections_free(struct connections *connections);

#endif
