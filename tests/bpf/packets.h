/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets built field by field, with valid checksums. */
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

/* A field that is 0 or NULL means the plain case: an Ethernet frame with an IPv4 SYN.
 * To make a header claim 0, use -1. Texts are hex bytes; blanks are ignored. */
struct shape {
	const char *tags; /* between the MAC addresses and the type */
	uint16_t type; /* of the frame; 0: that of the IP version */
	int ip; /* 6, else 4 */
	int ip_version; /* what the header claims; 0: the truth */
	int ip_options; /* words of NOPs */
	int ihl; /* what the header claims; 0: the truth */
	uint16_t fragment; /* flags and offset of IPv4, in units of 8 bytes */
	uint8_t protocol; /* 0: TCP */
	/* IPv6 extension headers in order: h hop-by-hop, r routing, d destination
	 * options, f fragment, a authentication, n no next header; a capital letter
	 * makes it long. */
	const char *extensions;
	int extension_words; /* what the last one claims, in 8 bytes after the first */
	uint8_t flags; /* 0: SYN */
	const char *options; /* of TCP, a multiple of 4 bytes */
	int doff; /* what the header claims, in words */
	int payload; /* bytes after the header */
	int cut; /* bytes missing at the end */
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	uint32_t size;
	uint32_t ip, tcp; /* offsets of the headers */
};

void packet_build(const struct shape *shape, struct packet *ret);

/* Changes the addresses and ports. */
void packet_route(struct packet *packet, const char *source, uint16_t source_port, const char *dest,
		  uint16_t dest_port);

/* Finds the headers of a packet that starts at `ip` and has no extension headers.
 * False: not TCP. */
bool packet_read(struct packet *packet, uint32_t ip);

/* Writes the correct checksum into the TCP header, over everything from there to the end. */
void packet_checksum(struct packet *packet);

/* Whether the packet has a correct TCP checksum. */
bool packet_is_valid(const struct packet *packet);

/* Whether the TCP options are these; ".." in the text matches any byte. */
bool packet_has_options(const struct packet *packet, const char *text);

/* Converts hex text to bytes; returns how many, at most `size`. */
uint32_t read_hex(const char *text, uint8_t *ret, uint32_t size);

#endif
