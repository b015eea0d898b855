// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP of commands with some names becomes MPTCP: the steps of BCC's mptcpify, which
 * first reads the name and then looks it up in a hash of BCC's default size.
 */
#include "peer.h"

char LICENSE[] SEC("license") = "GPL";

struct name {
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct name);
	__type(value, __u64);
} commands SEC(".maps");

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(command, int family, int type, int protocol)
{
	struct name name = {};

	bpf_get_current_comm(&name, sizeof(name));
	if (is_tcp(family, type, protocol) && bpf_map_lookup_elem(&commands, &name))
		return IPPROTO_MPTCP;
	return protocol;
}
