// SPDX-License-Identifier: GPL-2.0-only
#include "host/route.h"
#include "host/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>

#define SMALL 256 /* enough for each of our requests */

struct seen {
	bool ipv6;
	bool is_default;
	struct route route;
};

static int read_route_attribute(const struct nlattr *attr, void *data)
{
	struct seen *ret = data;

	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		ret->route.ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		ret->route.has_gateway = true;
		ret->route.gateway =
			address_of(ret->ipv6 ? AF_INET6 : AF_INET, mnl_attr_get_payload(attr), 0);
		break;
	case RTA_DST:
		ret->is_default = false;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void read_route(const struct nlmsghdr *message, struct seen *ret)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	memset(ret, 0, sizeof(*ret));
	ret->ipv6 = route->rtm_family == AF_INET6;
	ret->is_default = !route->rtm_dst_len && route->rtm_type == RTN_UNICAST;
	mnl_attr_parse(message, sizeof(*route), read_route_attribute, ret);
}

static struct nlmsghdr *request(char *buffer, bool ipv6, uint16_t flags, struct rtmsg **ret_route)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	*ret_route = mnl_nlmsg_put_extra_header(message, sizeof(**ret_route));
	(*ret_route)->rtm_family = ipv6 ? AF_INET6 : AF_INET;
	return message;
}

static int the_answer(const struct nlmsghdr *message, void *data)
{
	struct seen seen;

	read_route(message, &seen);
	*(struct route *)data = seen.route;
	return MNL_CB_OK;
}

int route_forwarded(const struct address *from, const struct address *to, unsigned int in,
		    uint32_t mark, struct route *ret)
{
	size_t len = from->ipv6 ? 16 : 4;
	struct nlmsghdr *message;
	struct rtmsg *route;
	char buffer[SMALL];

	memset(ret, 0, sizeof(*ret));
	message = request(buffer, from->ipv6, NLM_F_ACK, &route);
	route->rtm_src_len = route->rtm_dst_len = (unsigned char)(8 * len);
	mnl_attr_put(message, RTA_SRC, len, from->bytes);
	mnl_attr_put(message, RTA_DST, len, to->bytes);
	if (in)
		mnl_attr_put_u32(message, RTA_IIF, in);
	if (mark)
		mnl_attr_put_u32(message, RTA_MARK, mark);
	return netlink_ask(NETLINK_ROUTE, message, the_answer, ret);
}

int route_from(const struct address *from, const struct address *to, struct route *ret)
{
	return route_forwarded(from, to, 0, 0, ret);
}

int route_to(const struct address *to, struct route *ret)
{
	struct address any = { .ipv6 = to->ipv6 };

	return route_from(&any, to, ret);
}

struct marks {
	uint32_t *list;
	size_t n, max;
};

static int read_mark(const struct nlattr *attr, void *data)
{
	struct marks *marks = data;

	if (mnl_attr_get_type(attr) == FRA_FWMARK && marks->n < marks->max)
		marks->list[marks->n++] = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int each_rule(const struct nlmsghdr *message, void *data)
{
	if (message->nlmsg_type == RTM_NEWRULE)
		mnl_attr_parse(message, sizeof(struct fib_rule_hdr), read_mark, data);
	return MNL_CB_OK;
}

int route_marks(bool ipv6, uint32_t *ret, size_t n)
{
	struct marks marks = { .list = ret, .max = n };
	struct fib_rule_hdr *rule;
	struct nlmsghdr *message;
	char buffer[SMALL];
	int err;

	message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_GETRULE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rule = mnl_nlmsg_put_extra_header(message, sizeof(*rule));
	rule->family = ipv6 ? AF_INET6 : AF_INET;
	err = netlink_ask(NETLINK_ROUTE, message, each_rule, &marks);
	return err ? err : (int)marks.n;
}

struct wanted {
	unsigned int ifindex;
	bool found;
	struct route *ret;
};

static int each_route(const struct nlmsghdr *message, void *data)
{
	struct wanted *wanted = data;
	struct seen seen;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	read_route(message, &seen);
	if (!wanted->found && seen.is_default && seen.route.ifindex == wanted->ifindex) {
		wanted->found = true;
		*wanted->ret = seen.route;
	}
	return MNL_CB_OK;
}

int route_default(unsigned int ifindex, bool ipv6, struct route *ret)
{
	struct wanted wanted = { .ifindex = ifindex, .ret = ret };
	struct rtmsg *route;
	char buffer[SMALL];
	int err;

	memset(ret, 0, sizeof(*ret));
	err = netlink_ask(NETLINK_ROUTE, request(buffer, ipv6, NLM_F_DUMP, &route), each_route,
			  &wanted);
	return err || wanted.found ? err : -ENOENT;
}
