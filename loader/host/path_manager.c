// SPDX-License-Identifier: GPL-2.0-only
#include "host/path_manager.h"
#include "host/netlink.h"
#include "host/netstat.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_SPACE 1 /* a value of net.mptcp.pm_type */
#define SMALL 256 /* enough for each of our requests */

static struct nlmsghdr *generic_request(char *buffer, uint16_t family, uint8_t command,
					uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));

	message->nlmsg_type = family;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	generic->cmd = command;
	generic->version = MPTCP_PM_VER;
	return message;
}

static int read_family(const struct nlattr *attr, void *ret_family)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)ret_family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int each_family(const struct nlmsghdr *message, void *ret_family)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), read_family, ret_family);
}

static int read_limit(const struct nlattr *attr, void *data)
{
	struct path_manager *ret = data;

	if (mnl_attr_get_type(attr) == MPTCP_PM_ATTR_SUBFLOWS)
		ret->subflows = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == MPTCP_PM_ATTR_RCV_ADD_ADDRS)
		ret->add_addr_accepted = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int each_limits(const struct nlmsghdr *message, void *ret)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), read_limit, ret);
}

static int read_flags(const struct nlattr *attr, void *ret_flags)
{
	if (mnl_attr_get_type(attr) == MPTCP_PM_ADDR_ATTR_FLAGS)
		*(uint32_t *)ret_flags = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int read_endpoint(const struct nlattr *attr, void *data)
{
	struct path_manager *ret = data;
	uint32_t flags = 0;

	if (mnl_attr_get_type(attr) != MPTCP_PM_ATTR_ADDR)
		return MNL_CB_OK;
	mnl_attr_parse_nested(attr, read_flags, &flags);
	ret->endpoints++;
	ret->signal += !!(flags & MPTCP_PM_ADDR_FLAG_SIGNAL);
	ret->subflow += !!(flags & MPTCP_PM_ADDR_FLAG_SUBFLOW);
	return MNL_CB_OK;
}

static int each_endpoint(const struct nlmsghdr *message, void *ret)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), read_endpoint, ret);
}

static int find_family(uint16_t *ret_family)
{
	char buffer[SMALL];
	struct nlmsghdr *message =
		generic_request(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	return netlink_ask(NETLINK_GENERIC, message, each_family, ret_family);
}

int path_manager_read(struct path_manager *ret)
{
	struct nlmsghdr *message;
	char buffer[SMALL];
	uint16_t family = 0;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->in_user_space = sysctl_number("/proc/sys/net/mptcp/pm_type") == USER_SPACE;
	err = find_family(&family);
	if (err)
		return err;
	message = generic_request(buffer, family, MPTCP_PM_CMD_GET_LIMITS, NLM_F_ACK);
	err = netlink_ask(NETLINK_GENERIC, message, each_limits, ret);
	if (err)
		return err;
	message = generic_request(buffer, family, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP);
	return netlink_ask(NETLINK_GENERIC, message, each_endpoint, ret);
}

static int read_endpoint_field(const struct nlattr *attr, void *data)
{
	struct endpoint *ret = data;
	uint16_t port = ret->address.port;

	switch (mnl_attr_get_type(attr)) {
	case MPTCP_PM_ADDR_ATTR_ADDR4:
		ret->address = address_of(AF_INET, mnl_attr_get_payload(attr), port);
		break;
	case MPTCP_PM_ADDR_ATTR_ADDR6:
		ret->address = address_of(AF_INET6, mnl_attr_get_payload(attr), port);
		break;
	case MPTCP_PM_ADDR_ATTR_PORT:
		ret->address.port = mnl_attr_get_u16(attr);
		break;
	case MPTCP_PM_ADDR_ATTR_ID:
		ret->id = mnl_attr_get_u8(attr);
		break;
	case MPTCP_PM_ADDR_ATTR_FLAGS:
		ret->flags = mnl_attr_get_u32(attr);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int add_endpoint(const struct nlattr *attr, void *data)
{
	struct endpoints *ret = data;
	struct endpoint *list;

	if (mnl_attr_get_type(attr) != MPTCP_PM_ATTR_ADDR)
		return MNL_CB_OK;
	list = realloc(ret->list, (ret->n + 1) * sizeof(*list));
	if (!list) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	ret->list = list;
	memset(&list[ret->n], 0, sizeof(*list));
	mnl_attr_parse_nested(attr, read_endpoint_field, &list[ret->n++]);
	return MNL_CB_OK;
}

static int each_endpoint_itself(const struct nlmsghdr *message, void *ret)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), add_endpoint, ret);
}

int endpoints_read(struct endpoints *ret)
{
	char buffer[SMALL];
	uint16_t family = 0;
	int err = find_family(&family);

	if (err)
		return err;
	return netlink_ask(NETLINK_GENERIC,
			   generic_request(buffer, family, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP),
			   each_endpoint_itself, ret);
}

void endpoints_free(struct endpoints *endpoints)
{
	free(endpoints->list);
	memset(endpoints, 0, sizeof(*endpoints));
}

int path_manager_signal(int family, const void *address)
{
	struct nlmsghdr *message;
	struct nlattr *endpoint;
	char buffer[SMALL];
	uint16_t generic = 0;
	int err = find_family(&generic);

	if (err)
		return err;
	message = generic_request(buffer, generic, MPTCP_PM_CMD_ADD_ADDR, NLM_F_ACK);
	endpoint = mnl_attr_nest_start(message, MPTCP_PM_ATTR_ADDR);
	mnl_attr_put_u16(message, MPTCP_PM_ADDR_ATTR_FAMILY, (uint16_t)family);
	if (family == AF_INET)
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR4, sizeof(struct in_addr), address);
	else
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR6, sizeof(struct in6_addr), address);
	mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_FLAGS, MPTCP_PM_ADDR_FLAG_SIGNAL);
	mnl_attr_nest_end(message, endpoint);
	err = netlink_ask(NETLINK_GENERIC, message, NULL, NULL);
	return err == -EEXIST ? 0 : err;
}

static int each_policy(const struct nlmsghdr *message, void *ret_count)
{
	const struct xfrm_userpolicy_info *policy = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type == XFRM_MSG_NEWPOLICY && policy->dir == XFRM_POLICY_OUT)
		++*(int *)ret_count;
	return MNL_CB_OK;
}

/* A line has the columns address, protocol, port, …; port 0 is the kernel's. */
static bool is_kernels(char *line, unsigned long wanted)
{
	char *save = NULL, *protocol, *port, *end;

	strtok_r(line, " \n", &save);
	protocol = strtok_r(NULL, " \n", &save);
	port = strtok_r(NULL, " \n", &save);
	return protocol && port && strtoul(protocol, &end, 10) == wanted && !*end &&
	       !strcmp(port, "0");
}

/* Whether the kernel listens on this netlink protocol. Opening a socket of an unknown one would
 * load a module. */
static bool has_netlink(unsigned long wanted)
{
	FILE *file = fopen("/proc/thread-self/net/netlink", "re");
	bool found = false;
	char line[256];

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = is_kernels(line, wanted);
	fclose(file);
	return found;
}

int ipsec_policies_out(void)
{
	char buffer[SMALL];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	int count = 0, err;

	if (!has_netlink(NETLINK_XFRM))
		return 0;
	message->nlmsg_type = XFRM_MSG_GETPOLICY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_userpolicy_id));
	err = netlink_ask(NETLINK_XFRM, message, each_policy, &count);
	return err ? err : count;
}
