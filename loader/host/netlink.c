// SPDX-License-Identifier: GPL-2.0-only
#include "host/netlink.h"

#include <errno.h>
#include <stdbool.h>

#define SEQUENCE 1 /* each request has its own socket */

/* Receives the answer, which may come in parts. */
static int receive(struct mnl_socket *nl, mnl_cb_t each, void *data)
{
	unsigned int port = mnl_socket_get_portid(nl);
	int more = MNL_CB_OK;
	char buffer[32768];
	ssize_t len;

	while (more > MNL_CB_STOP) {
		len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (len < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)len, SEQUENCE, port, each, data);
	}
	return more < 0 ? -errno : 0;
}

int netlink_ask(int protocol, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	struct mnl_socket *nl = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int err = 0;

	if (!nl)
		return -errno;
	request->nlmsg_seq = SEQUENCE;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		err = -errno;
	if (!err)
		err = receive(nl, each, data);
	mnl_socket_close(nl);
	return err;
}
