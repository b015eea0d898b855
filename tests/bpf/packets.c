// SPDX-License-Identifier: GPL-2.0-only
#include "packets.h"
#include "suite.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TCP 6
#define NO_NEXT 59

uint32_t read_hex(const char *text, uint8_t *ret, uint32_t size)
{
	uint32_t n = 0;
	unsigned int byte;

	for (; text && *text; text++) {
		if (isspace((unsigned char)*text))
			continue;
		assert_int_equal(sscanf(text++, "%2x", &byte), 1);
		assert_true(n < size);
		ret[n++] = (uint8_t)byte;
	}
	return n;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum_of(const uint8_t *bytes, uint32_t size, uint32_t sum)
{
	for (uint32_t i = 0; i < size; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t tcp_sum(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet->ip;
	uint32_t size = packet->size - packet->tcp;
	bool ipv4 = ip[0] >> 4 == 4;
	uint32_t sum = sum_of(ipv4 ? ip + 12 : ip + 8, ipv4 ? 8 : 32, TCP + size);

	return sum_of(packet->bytes + packet->tcp, size, sum);
}

void packet_checksum(struct packet *packet)
{
	uint8_t *tcp = packet->bytes + packet->tcp;

	put16(tcp + 16, 0);
	put16(tcp + 16, 0xffff ^ tcp_sum(packet));
}

bool packet_is_valid(const struct packet *packet)
{
	return packet->size >= packet->tcp + TCP_OPTIONS_AT && tcp_sum(packet) == 0xffff;
}

/* A header's four-bit field: what it should claim, or the truth. */
static uint8_t claim(int claimed, uint32_t truth)
{
	return (uint8_t)(claimed == -1 ? 0 : claimed ? (uint32_t)claimed & 0xf : truth & 0xf);
}

static void ip_checksum(uint8_t *ip, uint32_t size)
{
	put16(ip + 10, 0);
	put16(ip + 10, 0xffff ^ sum_of(ip, size, 0));
}

static void put_ipv4(const struct shape *shape, uint32_t payload, struct packet *packet)
{
	uint8_t *ip = packet->bytes + packet->ip;
	uint32_t size = 20 + 4 * (uint32_t)shape->ip_options;

	memset(ip, 0, 20);
	ip[0] = (uint8_t)(claim(shape->ip_version, 4) << 4 | claim(shape->ihl, size / 4));
	put16(ip + 2, size + payload);
	put16(ip + 4, 0x1234);
	put16(ip + 6, shape->fragment);
	ip[8] = 64;
	ip[9] = shape->protocol ? shape->protocol : TCP;
	read_hex("c0000201 c6336402", ip + 12, 8);
	memset(ip + 20, 1, size - 20);
	ip_checksum(ip, size);
	packet->tcp = packet->ip + size;
}

static uint8_t extension_type(char letter)
{
	switch (tolower(letter)) {
	case 'h':
		return 0;
	case 'r':
		return 43;
	case 'f':
		return 44;
	case 'a':
		return 51;
	case 'd':
		return 60;
	default:
		return NO_NEXT;
	}
}

static void put_ipv6(const struct shape *shape, uint32_t payload, struct packet *packet)
{
	uint8_t *ip = packet->bytes + packet->ip, *next = ip + 6, *at = ip + 40;

	memset(ip, 0, 40);
	ip[0] = (uint8_t)(claim(shape->ip_version, 6) << 4);
	ip[7] = 64;
	read_hex("20010db8000000000000000000000001 20010db8000000000000000000000002", ip + 8, 32);
	for (const char *e = shape->extensions; e && *e; e++) {
		uint32_t words = isupper((unsigned char)*e) ? 3 : 1;

		*next = extension_type(*e);
		memset(at, 0, 8 * words);
		/* Padding. AH counts its length in 4-byte words, minus 2. */
		at[1] = (uint8_t)(*next == 51 ? 2 * words - 2 : words - 1);
		if (shape->extension_words && !e[1])
			at[1] = (uint8_t)shape->extension_words;
		if (*next == 44)
			put16(at + 2, shape->fragment);
		else if (*next != 43)
			at[2] = 1, at[3] = (uint8_t)(8 * words - 4); /* PadN */
		next = at;
		at += 8 * words;
	}
	*next = shape->protocol ? shape->protocol : TCP;
	packet->tcp = (uint32_t)(at - packet->bytes);
	put16(ip + 4, packet->tcp - packet->ip - 40 + payload);
}

void packet_build(const struct shape *shape, struct packet *ret)
{
	uint8_t options[40], *tcp;
	uint32_t n = read_hex(shape->options, options, sizeof(options));
	uint32_t payload = TCP_OPTIONS_AT + n + (uint32_t)shape->payload;

	assert_int_equal(n % 4, 0);
	memset(ret, 0, sizeof(*ret));
	ret->ip = read_hex("020000000001 020000000002", ret->bytes, 12);
	ret->ip += read_hex(shape->tags, ret->bytes + ret->ip, 16) + 2;
	put16(ret->bytes + ret->ip - 2, shape->type	 ? shape->type
					: shape->ip == 6 ? TYPE_IPV6
							 : TYPE_IPV4);
	if (shape->ip == 6)
		put_ipv6(shape, payload, ret);
	else
		put_ipv4(shape, payload, ret);
	tcp = ret->bytes + ret->tcp;
	read_hex("0019c001 01234567 89abcdef", tcp, 12);
	tcp[12] = (uint8_t)(claim(shape->doff, 5 + n / 4) << 4);
	tcp[13] = shape->flags ? shape->flags : SYN;
	put16(tcp + 14, 64240);
	memcpy(tcp + TCP_OPTIONS_AT, options, n);
	for (int i = 0; i < shape->payload; i++)
		tcp[TCP_OPTIONS_AT + n + (uint32_t)i] = (uint8_t)(i * 7 + 3);
	ret->size = ret->tcp + payload;
	assert_true(ret->size <= PACKET_MAX);
	packet_checksum(ret);
	ret->size -= (uint32_t)shape->cut;
}

void packet_route(struct packet *packet, const char *source, uint16_t source_port, const char *dest,
		  uint16_t dest_port)
{
	uint8_t *ip = packet->bytes + packet->ip, *tcp = packet->bytes + packet->tcp;
	bool ipv4 = ip[0] >> 4 == 4;
	int family = ipv4 ? AF_INET : AF_INET6;

	assert_int_equal(inet_pton(family, source, ip + (ipv4 ? 12 : 8)), 1);
	assert_int_equal(inet_pton(family, dest, ip + (ipv4 ? 16 : 24)), 1);
	put16(tcp, source_port);
	put16(tcp + 2, dest_port);
	if (ipv4)
		ip_checksum(ip, packet->tcp - packet->ip);
	packet_checksum(packet);
}

bool packet_read(struct packet *packet, uint32_t ip)
{
	const uint8_t *at = packet->bytes + ip;
	bool ipv4 = at[0] >> 4 == 4;

	if (packet->size < ip + 40 || at[ipv4 ? 9 : 6] != TCP)
		return false;
	packet->ip = ip;
	packet->tcp = ip + (ipv4 ? (at[0] & 0xfU) * 4 : 40);
	return packet->size >= packet->tcp + TCP_OPTIONS_AT;
}

bool packet_has_options(const struct packet *packet, const char *text)
{
	const uint8_t *tcp = packet->bytes + packet->tcp, *at = tcp + TCP_OPTIONS_AT;
	const uint8_t *end = tcp + (tcp[12] >> 4) * 4;
	unsigned int byte;

	for (; *text; text++) {
		if (isspace((unsigned char)*text))
			continue;
		if (at == end || (*text != '.' && (sscanf(text, "%2x", &byte) != 1 || *at != byte)))
			return false;
		text++;
		at++;
	}
	return at == end;
}
