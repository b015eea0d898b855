/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking MP_CAPABLE out of a packet: what strip does once it has decided. */
#ifndef MMA_STRIP_PACKET_H
#define MMA_STRIP_PACKET_H

#include "packet.h"
#include "tcp_options.h"

/* The options of a header as they are, and without MP_CAPABLE. */
struct options {
	__u8 before[TCP_OPTIONS_MAX]; /* behind the last one 0 */
	struct option_walk after;
};

static long walk_step(__u64 at, void *walk)
{
	return option_walk_step(walk, at);
}

/*
 * The size again, or 0 where no helper would take it. In two tests: clang 19
 * makes one of size - 1, which tells the verifier nothing of size.
 */
static __always_inline __u32 fit_size(__u32 size)
{
	if (size > TCP_OPTIONS_MAX)
		return 0;
	barrier_var(size);
	return size;
}

/* False where the header has no MP_CAPABLE. */
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
 * Writes the options back without MP_CAPABLE. All of them, because they start
 * at an even offset and so the checksum's difference is simply theirs. With
 * CHECKSUM_PARTIAL (a local packet) the kernel leaves the checksum to be made
 * later, and bpf_l4_csum_replace does nothing, rightly.
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
