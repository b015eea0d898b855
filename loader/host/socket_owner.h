/* SPDX-License-Identifier: GPL-2.0-only */
/* Which command has a socket, by the descriptors below /proc. */
#ifndef MMA_SOCKET_OWNER_H
#define MMA_SOCKET_OWNER_H

#include "host/cgroup_tree.h"
#include <stddef.h>
#include <stdint.h>

/* The name of the first process of the tree that has the socket of this inode
 * open; "" where none has, or may not be asked. */
void socket_command(const struct cgroup_tree *tree, uint32_t inode, char *ret_command, size_t size);

#endif
