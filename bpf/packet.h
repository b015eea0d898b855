/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the TCP header of a packet, on any kind of device. */
#ifndef MMA_PACKET_H
#define MMA_PACKET_H

#include "kernel_types.h"
#include "tcp.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_DSTOPTS 60
#define IP_FRAGMENT_OFFSET 0x1fff
#define MAX_EXTENSION_HEADERS 8

struct tcp_header {
	__u32 offset; /* from the start of the packet's data, bytes */
	__u32 size; /* options included, bytes */
	__u8 flags;
	__u16 source, dest; /* ports, network order */
	bool ipv6;
	__u32 saddr[4], daddr[4]; /* network order; IPv4 only in [0] */
};

/* Where the IP header starts, as the kernel knows it. So devices without an
 * Ethernet header (tun, WireGuard) and VLAN tags in the packet need no parsing. */
static __always_inline __u32 network_offset(struct __sk_buff *ctx)
{
	struct sk_buff *skb = cast_to_kern_ctx(ctx);

	/* As numbers: the verifier allows no arithmetic on these pointers. */
	__u64 head = (__u64)BPF_CORE_READ(skb, head);
	__u64 data = (__u64)BPF_CORE_READ(skb, data);

	return (__u32)(head + skb->network_header - data);
}

static __always_inline bool read_ipv4(struct __sk_buff *ctx, __u32 at, struct tcp_header *tcp)
{
	__u8 ip[20];

	if (bpf_skb_load_bytes(ctx, at, ip, sizeof(ip)))
		return false;
	if (ip[9] != IPPROTO_TCP || ((ip[6] << 8 | ip[7]) & IP_FRAGMENT_OFFSET) ||
	    (ip[0] & 0xf) < 5)
		return false;
	tcp->ipv6 = false;
	__builtin_memcpy(tcp->saddr, ip + 12, 4);
	__builtin_memcpy(tcp->daddr, ip + 16, 4);
	tcp->offset = at + (ip[0] & 0xf) * 4;
	return true;
}

static __always_inline bool read_ipv6(struct __sk_buff *ctx, __u32 at, struct tcp_header *tcp)
{
	__u8 ip[40], extension[2], next;

	if (bpf_skb_load_bytes(ctx, at, ip, sizeof(ip)))
		return false;
	tcp->ipv6 = true;
	__builtin_memcpy(tcp->saddr, ip + 8, 16);
	__builtin_memcpy(tcp->daddr, ip + 24, 16);
	next = ip[6];
	at += sizeof(ip);
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (bpf_skb_load_bytes(ctx, at, extension, sizeof(extension)))
			return false;
		next = extension[0];
		at += (extension[1] + 1) * 8;
	}
	tcp->offset = at;
	return next == IPPROTO_TCP;
}

/* False if the packet is not TCP, is a later fragment, or cannot be parsed. */
static __always_inline bool find_tcp(struct __sk_buff *ctx, struct tcp_header *tcp)
{
	__u32 at = network_offset(ctx);
	__u8 version, fixed[TCP_HEADER_SIZE];

	if (bpf_skb_load_bytes(ctx, at, &version, sizeof(version)))
		return false;
	version >>= 4;
	if (version == 4 ? !read_ipv4(ctx, at, tcp) : version != 6 || !read_ipv6(ctx, at, tcp))
		return false;
	if (bpf_skb_load_bytes(ctx, tcp->offset, fixed, sizeof(fixed)))
		return false;
	__builtin_memcpy(&tcp->source, fixed, 2);
	__builtin_memcpy(&tcp->dest, fixed + 2, 2);
	tcp->size = (fixed[12] >> 4) * 4;
	tcp->flags = fixed[TCP_FLAGS_BYTE];
	return tcp->size >= TCP_HEADER_SIZE;
}

/* A SYN or a SYN-ACK. */
static __always_inline bool opens_connection(const struct tcp_header *tcp)
{
	return (tcp->flags & TCP_SYN) && !(tcp->flags & TCP_RST);
}

#endif
