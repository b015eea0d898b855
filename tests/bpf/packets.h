/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets put together field by field, with valid checksums. */
#ifndef MMA_PACKETS_H
#define MMA_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#define PACKET_MAX 1024
#define ETHERNET_SIZE 14
#define TCP_OPTIONS_AT 20 /* from the TCP header */

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

/* A field that is 0 or NULL is the plain case: an Ethernet frame with an IPv4
 * SYN. What a header claims is -1 for 0. Texts are hex bytes; blanks count for
 * nothing. */
struct shape {
	const char *tags; /* between the MAC addresses and the type */
	uint16_t type; /* of the frame, instead of that of the IP version */
	int ip; /* 6, else 4 */
	int ip_version; /* what the header claims, instead of that */
	int ip_options; /* words of NOPs */
	int ihl; /* what the header claims, instead of the truth */
	uint16_t fragment; /* flags and offset of IPv4, in 8 bytes */
	uint8_t protocol; /* instead of TCP */
	/* Of IPv6, in order: h hop-by-hop, r routing, d destination options,
	 * f fragment, a authentication, n no next header; a capital is long. */
	const char *extensions;
	int extension_words; /* what the last one claims, in 8 bytes behind the first */
	uint8_t flags; /* instead of SYN */
	const char *options; /* of TCP, a multiple of 4 bytes */
	int doff; /* what the header claims, in words */
	int payload; /* bytes behind the header */
	int cut; /* bytes missing at the end */
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	uint32_t size;
	uint32_t ip, tcp; /* offsets of the headers */
};

void packet_build(const struct shape *shape, struct packet *ret);

/* Other addresses and ports. */
void packet_route(struct packet *packet, const char *source, uint16_t source_port, const char *dest,
		  uint16_t dest_port);

/* Where its headers are: of a packet that starts at `ip` and has no extension
 * headers. False: not TCP. */
bool packet_read(struct packet *packet, uint32_t ip);

/* Puts the right checksum into the TCP header, over all that follows it. */
void packet_checksum(struct packet *packet);

/* Whether the packet has a TCP checksum, and it is right. */
bool packet_is_valid(const struct packet *packet);

/* Whether the TCP options are these; ".." in the text is any byte. */
bool packet_has_options(const struct packet *packet, const char *text);

/* Bytes of a hex text; returns how many, at most `size`. */
uint32_t read_hex(const char *text, uint8_t *ret, uint32_t size);

#endif
