// SPDX-License-Identifier: GPL-2.0-only
#include "host/sockets.h"
#include "host/netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

struct dump {
	bool mptcp;
	socket_fn *each;
	void *data;
};

static int read_subflow(const struct nlattr *attr, void *data)
{
	struct socket_seen *ret = data;

	if (mnl_attr_get_type(attr) == MPTCP_SUBFLOW_ATTR_TOKEN_LOC)
		ret->token = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == MPTCP_SUBFLOW_ATTR_FLAGS)
		ret->flags = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int read_ulp(const struct nlattr *attr, void *data)
{
	struct socket_seen *ret = data;

	if (mnl_attr_get_type(attr) == INET_ULP_INFO_NAME)
		ret->mptcp = !strcmp(mnl_attr_get_str(attr), "mptcp");
	else if (mnl_attr_get_type(attr) == INET_ULP_INFO_MPTCP)
		mnl_attr_parse_nested(attr, read_subflow, ret);
	return MNL_CB_OK;
}

/* Copies as much as both kernel and build know; the rest stays 0. */
static void copy_payload(const struct nlattr *attr, void *ret, size_t size)
{
	size_t len = mnl_attr_get_payload_len(attr);

	memset(ret, 0, size);
	memcpy(ret, mnl_attr_get_payload(attr), len < size ? len : size);
}

static void read_tcp_info(const struct nlattr *attr, struct socket_seen *ret)
{
	struct tcp_info info;

	copy_payload(attr, &info, sizeof(info));
	ret->bytes_in = info.tcpi_bytes_received;
	ret->bytes_out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	ret->rtt_us = info.tcpi_rtt;
	ret->retransmits = info.tcpi_retransmits;
}

static void read_mptcp_info(const struct nlattr *attr, struct socket_seen *ret)
{
	struct mptcp_info info;

	copy_payload(attr, &info, sizeof(info));
	ret->token = info.mptcpi_token;
	ret->flags = info.mptcpi_flags;
	ret->bytes_in = info.mptcpi_bytes_received;
	ret->bytes_out = info.mptcpi_bytes_sent;
	ret->extra = info.mptcpi_subflows;
	ret->extra_max = info.mptcpi_subflows_max;
	ret->announced = info.mptcpi_add_addr_signal;
	ret->accepted = info.mptcpi_add_addr_accepted;
	ret->accepted_max = info.mptcpi_add_addr_accepted_max;
	ret->tried = info.mptcpi_local_addr_used;
}

struct message {
	bool mptcp; /* decides the format of INET_DIAG_INFO */
	struct socket_seen socket;
};

static int read_socket_attribute(const struct nlattr *attr, void *data)
{
	struct message *message = data;
	struct socket_seen *ret = &message->socket;

	switch (mnl_attr_get_type(attr)) {
	case INET_DIAG_CGROUP_ID:
		ret->cgroup = mnl_attr_get_u64(attr);
		break;
	case INET_DIAG_ULP_INFO:
		mnl_attr_parse_nested(attr, read_ulp, ret);
		break;
	case INET_DIAG_INFO:
		if (message->mptcp)
			read_mptcp_info(attr, ret);
		else
			read_tcp_info(attr, ret);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int read_seen(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *from = mnl_nlmsg_get_payload(message);
	const struct dump *dump = data;
	int err;
	struct message parsed = {
		.mptcp = dump->mptcp,
		.socket = {
			.local = address_of(from->idiag_family, from->id.idiag_src,
					    ntohs(from->id.idiag_sport)),
			.remote = address_of(from->idiag_family, from->id.idiag_dst,
					     ntohs(from->id.idiag_dport)),
			.inode = from->idiag_inode,
			.ifindex = from->id.idiag_if,
			.state = from->idiag_state,
			.mptcp = dump->mptcp,
		},
	};

	mnl_attr_parse(message, sizeof(*from), read_socket_attribute, &parsed);
	err = dump->each(&parsed.socket, dump->data);
	if (!err)
		return MNL_CB_OK;
	errno = -err;
	return MNL_CB_ERROR;
}

static int dump_seen(int family, struct dump *dump, uint32_t states)
{
	char buffer[sizeof(struct nlmsghdr) + 256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = (__u8)family;
	request->sdiag_protocol = dump->mptcp ? IPPROTO_RAW : IPPROTO_TCP;
	request->idiag_states = states;
	request->idiag_ext = 1U << (INET_DIAG_INFO - 1);
	if (dump->mptcp) /* its number does not fit in the 8 bits above */
		mnl_attr_put_u32(message, INET_DIAG_REQ_PROTOCOL, IPPROTO_MPTCP);
	return netlink_ask(NETLINK_SOCK_DIAG, message, read_seen, dump);
}

int sockets_each(bool mptcp, uint32_t states, socket_fn *each, void *data)
{
	struct dump dump = { .mptcp = mptcp, .each = each, .data = data };
	int err = dump_seen(AF_INET, &dump, states);

	return err ? err : dump_seen(AF_INET6, &dump, states);
}
