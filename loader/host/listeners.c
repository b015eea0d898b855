// SPDX-License-Identifier: GPL-2.0-only
#include "host/listeners.h"
#include "host/netlink.h"
#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump {
	const struct cgroup_tree *tree; /* NULL: all listeners, duplicates included */
	struct listeners *ret;
	uint64_t netns;
};

static int ulp_is_mptcp(const struct nlattr *attr, void *ret_mptcp)
{
	if (mnl_attr_get_type(attr) == INET_ULP_INFO_NAME)
		*(bool *)ret_mptcp = !strcmp(mnl_attr_get_str(attr), "mptcp");
	return MNL_CB_OK;
}

struct attributes {
	uint64_t cgroup;
	bool mptcp;
};

static int read_attribute(const struct nlattr *attr, void *data)
{
	struct attributes *ret = data;

	switch (mnl_attr_get_type(attr)) {
	case INET_DIAG_CGROUP_ID:
		ret->cgroup = mnl_attr_get_u64(attr);
		break;
	case INET_DIAG_ULP_INFO:
		/* An MPTCP listener's TCP socket has the ULP "mptcp" (subflow_ulp_ops). This
		 * does not need mptcp_diag. */
		mnl_attr_parse_nested(attr, ulp_is_mptcp, &ret->mptcp);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static bool has_listener(const struct listeners *listeners, const struct listener *l)
{
	for (size_t i = 0; i < listeners->n; i++)
		if (listeners->list[i].port == l->port && listeners->list[i].mptcp == l->mptcp &&
		    !strcmp(listeners->list[i].addr, l->addr))
			return true;
	return false;
}

/* Returns 0, or -1 with errno set if memory runs out. */
static int listeners_append(struct listeners *listeners, const struct listener *l)
{
	struct listener *list;

	list = realloc(listeners->list, (listeners->n + 1) * sizeof(*list));
	if (!list)
		return -1;
	listeners->list = list;
	listeners->list[listeners->n++] = *l;
	return 0;
}

/* Adds each address only once: with SO_REUSEPORT, several sockets have it. */
static int listeners_add(struct listeners *listeners, const struct listener *l)
{
	return has_listener(listeners, l) ? 0 : listeners_append(listeners, l);
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct attributes attributes = { 0 };
	struct dump *dump = data;
	struct listener l = {
		.port = ntohs(socket->id.idiag_sport),
		.ipv6 = socket->idiag_family == AF_INET6,
		.inode = socket->idiag_inode,
	};

	mnl_attr_parse(message, sizeof(*socket), read_attribute, &attributes);
	if (dump->tree && !cgroup_tree_has(dump->tree, attributes.cgroup))
		return MNL_CB_OK;
	l.mptcp = attributes.mptcp;
	l.netns = dump->netns;
	l.cgroup = attributes.cgroup;
	inet_ntop(socket->idiag_family, socket->id.idiag_src, l.addr, sizeof(l.addr));
	if (dump->tree ? listeners_add(dump->ret, &l) : listeners_append(dump->ret, &l))
		return MNL_CB_ERROR;
	return MNL_CB_OK;
}

static int dump_family(int family, struct dump *dump)
{
	char buffer[sizeof(struct nlmsghdr) + 256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = (__u8)family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = 1U << TCP_LISTEN;
	request->idiag_ext = 1U << (INET_DIAG_INFO - 1);
	return netlink_ask(NETLINK_SOCK_DIAG, message, read_socket, dump);
}

static int dump_here(const struct netns *netns, void *data)
{
	struct dump *dump = data;
	int err;

	dump->netns = netns->cookie;
	err = dump_family(AF_INET, dump);
	if (!err)
		err = dump_family(AF_INET6, dump);
	return err ? fault(-err,
			   "listeners: cannot be listed (sock_diag: %s); load the modules inet_diag and tcp_diag",
			   strerror(-err))
		   : 0;
}

static int by_port(const void *a, const void *b)
{
	const struct listener *one = a, *other = b;

	if (one->port != other->port)
		return one->port < other->port ? -1 : 1;
	if (one->ipv6 != other->ipv6)
		return one->ipv6 ? 1 : -1;
	return strcmp(one->addr, other->addr);
}

static void sort_by_port(struct listeners *listeners)
{
	if (listeners->n)
		qsort(listeners->list, listeners->n, sizeof(*listeners->list), by_port);
}

static int read_in_each(const struct netns_set *namespaces, struct dump *dump)
{
	int err = 0;

	for (size_t i = 0; !err && i < namespaces->n; i++)
		err = netns_run(&namespaces->list[i], dump_here, dump);
	return err;
}

int listeners_read(const struct netns_set *namespaces, const struct cgroup_tree *tree,
		   struct listeners *ret)
{
	struct dump dump = { .tree = tree, .ret = ret };
	int err = read_in_each(namespaces, &dump);

	sort_by_port(ret);
	return err;
}

int listeners_read_all(const struct netns_set *namespaces, struct listeners *ret)
{
	struct dump dump = { .ret = ret };

	return read_in_each(namespaces, &dump);
}

int listeners_of(const struct listeners *all, const struct cgroup_tree *tree, struct listeners *ret)
{
	int err = 0;

	for (size_t i = 0; !err && i < all->n; i++)
		if (cgroup_tree_has(tree, all->list[i].cgroup))
			err = listeners_add(ret, &all->list[i]);
	sort_by_port(ret);
	return err ? fault(ENOMEM, "listeners: out of memory") : 0;
}

void listeners_free(struct listeners *listeners)
{
	free(listeners->list);
	memset(listeners, 0, sizeof(*listeners));
}

const char *listener_text(const struct listener *listener, char ret_text[LISTENER_TEXT])
{
	snprintf(ret_text, LISTENER_TEXT, listener->ipv6 ? "[%s]:%u" : "%s:%u", listener->addr,
		 listener->port);
	return ret_text;
}
