/* SPDX-License-Identifier: GPL-2.0-only */
/* Removes MP_CAPABLE from a packet, once strip has decided to. */
#ifndef MMA_STRIP_PACKET_H
#define MMA_STRIP_PACKET_H

#include "packet.h"
#include "tcp_options.h"

/* The options of a TCP header, before and after the removal of MP_CAPABLE. */
struct options {
	__u8 before[TCP_OPTIONS_MAX]; /* zero-padded */
	struct option_walk after;
};

static long walk_step(__u64 at, void *walk)
{
	return option_walk_step(walk, at);
}

/*
 * Returns size, or 0 if no helper would accept it. barrier_var() keeps this test and
 * the caller's test for 0 apart: clang 19 would merge them into one of size - 1, from
 * which the verifier learns nothing about size.
 */
static __always_inline __u32 fit_size(__u32 size)
{
	if (size > TCP_OPTIONS_MAX)
		return 0;
	barrier_var(size);
	return size;
}

/* Reads the options and removes MP_CAPABLE from the copy. False if there is none. */
static __always_inline bool find_mp_capable(struct __sk_buff *ctx, const struct tcp_header *tcp,
					    struct options *options)
{
	__u32 size = fit_size(tcp->size - TCP_HEADER_SIZE);

	if (!size)
		return false;
	__builtin_memset(options, 0, sizeof(*options));
	if (bpf_skb_load_bytes(ctx, tcp->offset + TCP_HEADER_SIZE, options->before, size))
		return false;
	__builtin_memcpy(options->after.bytes, options->before, TCP_OPTIONS_MAX);
	options->after.size = size;
	bpf_loop(TCP_OPTIONS_MAX, walk_step, &options->after, 0);
	return options->after.found;
}

/*
 * Writes the options back without MP_CAPABLE. It writes all of them: they start at an
 * even offset, so the checksum changes by exactly their difference. With
 * CHECKSUM_PARTIAL (a local packet) the checksum is computed later, and
 * bpf_l4_csum_replace rightly does nothing.
 */
static __always_inline bool write_options(struct __sk_buff *ctx, const struct tcp_header *tcp,
					  struct options *options)
{
	__u32 size = fit_size(options->after.size);
	__s64 difference;

	difference = bpf_csum_diff((__be32 *)options->before, TCP_OPTIONS_MAX,
				   (__be32 *)options->after.bytes, TCP_OPTIONS_MAX, 0);
	if (difference < 0 || !size)
		return false;
	if (bpf_skb_store_bytes(ctx, tcp->offset + TCP_HEADER_SIZE, options->after.bytes, size,
				BPF_F_RECOMPUTE_CSUM))
		return false;
	bpf_l4_csum_replace(ctx, tcp->offset + TCP_CHECKSUM_OFFSET, 0, difference, 0);
	return true;
}

#endif
