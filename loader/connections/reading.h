/* SPDX-License-Identifier: GPL-2.0-only */
/* The data of --connections: the live connections of attached services, read from the kernel
 * now. The views text.h and json.h print it. */
#ifndef MMA_CONNECTIONS_READING_H
#define MMA_CONNECTIONS_READING_H

#include "connections/connection.h"
#include "host/cgroup.h"

/* Reads all connections, or only those of the command line's cgroup. ret may be uninitialised.
 * Returns 0, also if nothing is attached, or a fault. In both cases the caller frees ret with
 * connections_free(). */
int connections_read(const struct cgroup *cgroup, struct connections *ret);
void connections_free(struct connections *connections);

#endif
