/* SPDX-License-Identifier: GPL-2.0-only */
/* Which process has a socket, by the descriptors in /proc. */
#ifndef MMA_SOCKET_OWNER_H
#define MMA_SOCKET_OWNER_H

#include "host/cgroup_tree.h"
#include <stddef.h>
#include <stdint.h>

/* The command of the first process of the tree that has the socket with this inode open; "" if
 * none has, or if reading that is not allowed. */
void socket_command(const struct cgroup_tree *tree, uint32_t inode, char *ret_command, size_t size);

/* Whether a process with this socket open could have bound it to a privileged port itself
 * (CAP_NET_BIND_SERVICE, or what allows IP_TRANSPARENT). */
enum socket_right {
	SOCKET_RIGHT_UNKNOWN, /* nobody has it open, or reading that is not allowed */
	SOCKET_RIGHT_NEVER, /* none that has it could, since its exec(2) */
	SOCKET_RIGHT_ONCE, /* one changed its credentials since, and may have had the right */
	SOCKET_RIGHT_NOW, /* one may now, or is in another user namespace, so unknown */
};
enum socket_right socket_right(const struct cgroup_tree *tree, uint32_t inode);

#endif
