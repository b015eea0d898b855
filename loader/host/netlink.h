/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the kernel by netlink(7), in the network namespace that we are in. */
#ifndef MMA_NETLINK_H
#define MMA_NETLINK_H

#include <libmnl/libmnl.h>

/* Sends a request and calls each() for every message of the answer. 0 or -errno; of an
 * each() that ended it with MNL_CB_ERROR, what it left in errno. */
int netlink_ask(int protocol, struct nlmsghdr *request, mnl_cb_t each, void *data);

#endif
