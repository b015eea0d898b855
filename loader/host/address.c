// SPDX-License-Identifier: GPL-2.0-only
#include "host/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct address address_of(int family, const void *bytes, uint16_t port)
{
	struct address ret = { .port = port };

	if (family == AF_INET) {
		memcpy(ret.bytes, bytes, 4);
	} else if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes)) {
		memcpy(ret.bytes, (const unsigned char *)bytes + 12, 4);
	} else {
		memcpy(ret.bytes, bytes, 16);
		ret.ipv6 = true;
	}
	return ret;
}

bool address_same(const struct address *one, const struct address *other)
{
	return one->ipv6 == other->ipv6 && !memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

bool address_is_any(const struct address *address)
{
	static const unsigned char zero[sizeof(address->bytes)];

	return !memcmp(address->bytes, zero, sizeof(zero));
}

int address_compare(const struct address *one, const struct address *other)
{
	int order;

	if (one->ipv6 != other->ipv6)
		return one->ipv6 ? 1 : -1;
	order = memcmp(one->bytes, other->bytes, sizeof(one->bytes));
	return order ? order : (int)one->port - (int)other->port;
}

const char *address_host(const struct address *address, char ret_text[ADDRESS_TEXT])
{
	inet_ntop(address->ipv6 ? AF_INET6 : AF_INET, address->bytes, ret_text, ADDRESS_TEXT);
	return ret_text;
}

const char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT])
{
	char host[ADDRESS_TEXT];

	snprintf(ret_text, ADDRESS_TEXT, address->ipv6 ? "[%.45s]:%u" : "%.45s:%u",
		 address_host(address, host), address->port);
	return ret_text;
}

static bool read_one(const struct ifaddrs *from, struct own_address *ret)
{
	const struct sockaddr *sa = from->ifa_addr;

	memset(ret, 0, sizeof(*ret));
	if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return false;
	if (sa->sa_family == AF_INET) {
		const struct in_addr *v4 = &((const struct sockaddr_in *)sa)->sin_addr;

		ret->address = address_of(AF_INET, v4, 0);
		ret->link_local = ntohl(v4->s_addr) >> 16 == 0xa9fe; /* 169.254/16 */
	} else {
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;

		ret->address = address_of(AF_INET6, v6, 0);
		ret->link_local = IN6_IS_ADDR_LINKLOCAL(v6);
	}
	ret->up = from->ifa_flags & IFF_UP;
	ret->loopback = from->ifa_flags & IFF_LOOPBACK;
	ret->ifindex = if_nametoindex(from->ifa_name);
	snprintf(ret->interface, sizeof(ret->interface), "%s", from->ifa_name);
	return true;
}

int own_addresses_read(struct own_addresses *ret)
{
	struct own_address *list;
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all))
		return -errno;
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		n++;
	list = calloc(n + 1, sizeof(*list)); /* never of size 0 */
	if (!list) {
		freeifaddrs(all);
		return -ENOMEM;
	}
	ret->list = list;
	ret->n = 0;
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		ret->n += read_one(i, &list[ret->n]);
	freeifaddrs(all);
	return 0;
}

void own_addresses_free(struct own_addresses *own)
{
	free(own->list);
	memset(own, 0, sizeof(*own));
}

const struct own_address *own_address_find(const struct own_addresses *own,
					   const struct address *address)
{
	for (size_t i = 0; i < own->n; i++)
		if (address_same(&own->list[i].address, address))
			return &own->list[i];
	return NULL;
}
