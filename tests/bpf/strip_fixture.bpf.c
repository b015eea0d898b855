// SPDX-License-Identifier: GPL-2.0-only
/*
 * What strip does with a packet, without checking whose it is, because the socket in
 * BPF_PROG_TEST_RUN is a dummy. Only the tests load it. Two hooks: the kernel passes tc
 * a frame, and lwt a packet that starts at its IP header, as from a device without
 * Ethernet.
 */
#include "strip_packet.h"
#include "verdicts.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int strip_any(struct __sk_buff *ctx)
{
	struct tcp_header tcp = {};
	struct options options;

	if (!find_tcp(ctx, &tcp))
		return VERDICT_NO_TCP;
	if (!opens_connection(&tcp))
		return VERDICT_NO_SYN;
	if (!find_mp_capable(ctx, &tcp, &options))
		return VERDICT_NO_MPC;
	return write_options(ctx, &tcp, &options) ? VERDICT_STRIPPED : VERDICT_FAILED;
}

SEC("tc")
int fixture_frame(struct __sk_buff *ctx)
{
	return strip_any(ctx);
}

SEC("lwt_xmit")
int fixture_packet(struct __sk_buff *ctx)
{
	return strip_any(ctx);
}
