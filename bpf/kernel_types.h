/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that the programs read, with only the fields that they use.
 * libbpf relocates them against the running kernel's BTF (CO-RE). Nothing here comes
 * from the build machine's kernel.
 */
#ifndef MMA_KERNEL_TYPES_H
#define MMA_KERNEL_TYPES_H

#include "kernel_calls.h"
#include <linux/types.h>
#include <stdbool.h>

#define __core __attribute__((preserve_access_index))

struct list_head {
	struct list_head *next;
} __core;

struct kernfs_node {
	__u64 id;
} __core;

struct cgroup_root {
	int hierarchy_id;
} __core;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
	int level;
	struct {
		void *effective[0]; /* struct bpf_prog_array *, by enum cgroup_bpf_attach_type */
	} bpf;
	struct cgroup *ancestors[0]; /* by level; the last one is the cgroup itself */
} __core;

enum cgroup_bpf_attach_type {
	CGROUP_SETSOCKOPT = 1, /* CO-RE inserts the kernel's value */
};

struct bpf_prog_array_item {
	void *prog; /* NULL: end of the array */
} __core;

struct bpf_prog_array {
	struct bpf_prog_array_item items[0];
} __core;

struct sock_cgroup_data {
	struct cgroup *cgroup;
} __core;

struct sock_common {
	__be16 skc_dport; /* remote port, network order */
	__u16 skc_num; /* local port, host order */
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4; /* SO_REUSEADDR */
	unsigned char skc_reuseport : 1;
	struct sock *skc_listener; /* of a request socket: rsk_listener */
} __core;

struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
} __core;

struct inet_sock {
	struct sock sk;
	void *inet_opt; /* struct ip_options_rcu * */
} __core;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	void *icsk_ulp_data; /* of a subflow: struct mptcp_subflow_context * */
} __core;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 mss_cache;
} __core;

struct net_generic {
	union {
		struct {
			unsigned int len;
		} s;
		struct {
			void *ptr[0];
		};
	};
} __core;

struct netns_ipv4 {
	int sysctl_ip_prot_sock; /* net.ipv4.ip_unprivileged_port_start */
} __core;

struct net {
	__u64 net_cookie;
	struct user_namespace *user_ns;
	struct net_generic *gen;
	struct netns_ipv4 ipv4;
} __core;

typedef struct {
	struct net *net;
} __core possible_net_t;

struct net_device {
	possible_net_t nd_net;
} __core;

struct dst_entry {
	struct net_device *dev;
} __core;

struct sk_buff {
	unsigned char *head, *data;
	__u16 network_header, transport_header; /* offsets from head */
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst; /* struct dst_entry *, with flags in the low bits */
	unsigned long _nfct; /* struct nf_conn *, with enum ip_conntrack_info in the low bits */
} __core;

union nf_inet_addr {
	__u32 all[4];
} __core;

union nf_conntrack_man_proto {
	__be16 all;
} __core;

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
} __core;

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
} __core;

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
} __core;

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2]; /* original, reply */
} __core;

struct nsproxy {
	struct net *net_ns;
} __core;

struct css_set {
	struct cgroup *dfl_cgrp;
} __core;

/* Since Linux 6.3; before, it was an array. */
typedef struct {
	__u64 val;
} __core kernel_cap_t;

struct cred {
	kernel_cap_t cap_permitted;
	struct user_namespace *user_ns; /* the capabilities hold there */
} __core;

struct task_struct {
	unsigned int flags;
	struct css_set *cgroups;
	const struct cred *cred;
	struct task_struct *group_leader;
	char comm[16];
	struct nsproxy *nsproxy;
} __core;

struct ctl_table {
	void *data;
} __core;

struct ctl_table_header {
	struct ctl_table *ctl_table;
} __core;

struct mptcp_pm_data {
	__u8 server_side; /* 1: this end accepted the connection */
} __core;

struct mptcp_sock {
	struct inet_connection_sock sk;
	unsigned long flags;
	bool can_ack; /* the peer's key is known */
	bool fully_established;
	struct sock *first; /* the connection's first subflow; NULL: none yet */
	struct mptcp_pm_data pm;
} __core;

struct mptcp_subflow_context {
	__u32 request_mptcp : 1, request_join : 1, mp_capable : 1, mp_join : 1,
		remote_key_valid : 1, mpc_drop : 1;
	struct sock *conn; /* the MPTCP socket */
} __core;

struct mptcp_pernet {
	struct ctl_table_header *ctl_table_hdr;
	__u8 mptcp_enabled;
} __core;

/*
 * BTF ids of kernel structs, for rdonly_cast(). The loader sets each number_of_NAME
 * to the id of struct NAME before the load. 0: this kernel has no such struct, and the
 * verifier refuses the cast. CO-RE's own ids would be wrong: libbpf gets only a few of
 * the kernel's types, and there the ids differ (loader/host/kernel_object.h).
 */
extern const volatile __u32 number_of_list_head;
extern const volatile __u32 number_of_sock;
extern const volatile __u32 number_of_inet_sock;
extern const volatile __u32 number_of_tcp_sock;
extern const volatile __u32 number_of_mptcp_sock;
extern const volatile __u32 number_of_mptcp_pernet;
extern const volatile __u32 number_of_task_struct;

/* As libbpf declares helpers. Not extern … __ksym: to find their ids, libbpf would read all of the
 * kernel's types. */
static void *(*const rdonly_cast)(const void *object, __u32 type) = (void *)MMA_CALL_RDONLY_CAST;
static void *(*const cast_to_kern_ctx)(void *ctx) = (void *)MMA_CALL_CAST_TO_KERN_CTX;

#endif
