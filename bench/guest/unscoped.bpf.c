// SPDX-License-Identifier: GPL-2.0-only
/* All TCP of the host becomes MPTCP, as with the kernel's sample (mptcpify.c of its
 * self-tests). */
#include "peer.h"

char LICENSE[] SEC("license") = "GPL";

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(unscoped, int family, int type, int protocol)
{
	return is_tcp(family, type, protocol) ? IPPROTO_MPTCP : protocol;
}
