/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks the kernel by netlink(7), in the current network namespace. */
#ifndef MMA_NETLINK_H
#define MMA_NETLINK_H

#include <libmnl/libmnl.h>

/* Sends a request and calls each() for every message of the answer. Returns 0 or -errno. If
 * each() ends it with MNL_CB_ERROR, the errno is the one each() set. */
int netlink_ask(int protocol, struct nlmsghdr *request, mnl_cb_t each, void *data);

#endif
