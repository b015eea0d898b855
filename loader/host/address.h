/* SPDX-License-Identifier: GPL-2.0-only */
/* An IP address and a port. An IPv4-mapped IPv6 address (::ffff:192.0.2.1) becomes IPv4. */
#ifndef MMA_ADDRESS_H
#define MMA_ADDRESS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	unsigned char bytes[16]; /* zero-padded */
	bool ipv6;
	uint16_t port; /* host order; 0: none */
};

/* From the kernel's 4 or 16 bytes, and the port in host order. */
struct address address_of(int family, const void *bytes, uint16_t port);

/* Whether it is the same host; ignores ports. */
bool address_same(const struct address *one, const struct address *other);

bool address_is_any(const struct address *address);

/* Compares family, host and port: negative, 0 or positive. */
int address_compare(const struct address *one, const struct address *other);

/* "192.0.2.1" or "2001:db8::1"; with the port, "192.0.2.1:25" or "[2001:db8::1]:25". */
#define ADDRESS_TEXT (INET6_ADDRSTRLEN + 9)
const char *address_host(const struct address *address, char ret_text[ADDRESS_TEXT]);
const char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT]);

/* An address of an interface. */
struct own_address {
	struct address address;
	unsigned int ifindex;
	char interface[IF_NAMESIZE];
	bool up, loopback, link_local;
};

struct own_addresses {
	struct own_address *list;
	size_t n;
};

/* Reads those of the current network namespace. Returns 0 or -errno. Initialise ret to { 0 };
 * the caller frees it with own_addresses_free(). */
int own_addresses_read(struct own_addresses *ret);
void own_addresses_free(struct own_addresses *own);

/* The one that equals the address, or NULL. */
const struct own_address *own_address_find(const struct own_addresses *own,
					   const struct address *address);

#endif
