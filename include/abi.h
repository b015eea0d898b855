/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI between the BPF programs, the loader and anyone who reads the pinned
 * maps with bpftool. Everything is in host byte order. A change that an older
 * program would misread needs a new MMA_ABI.
 *
 * Words that this project uses in a sense of its own:
 *	service		the cgroup at an attached path, and every cgroup below it
 *	slot		the service's index into `stats`
 *	departed	of a cgroup: it was attached, and has been removed or detached, but
 *			its sockets may live on
 *	listed port	a port that the allowlist (`ports`) allows in the role at hand
 *	upgrade		makes a service's new TCP sockets MPTCP (bpf/upgrade.bpf.c)
 *	strip		removes MP_CAPABLE from SYNs and SYN-ACKs of ports off the
 *			allowlist, so that both ends fall back to TCP (bpf/strip.bpf.c)
 *	covered		of a network namespace: every interface carries strip. upgrade
 *			works only there
 *	follow		keeps `cgroups` current as cgroups come and go (bpf/follow.bpf.c)
 *	repair		answers socket options that MPTCP lacks (bpf/repair.bpf.c)
 *	account		counts the services' connections (bpf/account.bpf.c)
 *	watch_list	notices edits of `ports` (bpf/watch_list.bpf.c)
 */
#ifndef MMA_ABI_H
#define MMA_ABI_H

#ifdef __bpf__
#include "kernel_types.h"
#else
#include <linux/types.h>
#include <assert.h>
#endif

#define MMA_ABI 1

/* Maximum number of attached paths, and so of slots in `stats`. */
#define MMA_MAX_SERVICES 4096
/* Cgroup ids in `cgroups`: one per path, and as many again for replacements. */
#define MMA_MAX_CGROUPS 8192
/* Network namespaces in `netns`. */
#define MMA_MAX_NETNS 4096
/* Every port, and key 0 (MMA_PORT_ALL). */
#define MMA_MAX_PORTS 65536
/* Ids of departed cgroups (LRU). */
#define MMA_MAX_DEPARTED 8192
/* Entries of `accounts`: one per service, port and role. */
#define MMA_MAX_ACCOUNTS 16384
/* A path from the hierarchy's root, including the NUL. The keys of a BPF hash
 * have at most 512 bytes (MAX_BPF_STACK). */
#define MMA_PATH_SIZE 512
/* The deepest level below the root that can be attached; meta.levels has a bit for each. */
#define MMA_MAX_LEVEL 63

/* Value of `ports`: the roles in which a port may speak MPTCP. Key: __u16 port. */
enum mma_role {
	MMA_ROLE_NONE = 0, /* denied; a later --port does not change that */
	MMA_ROLE_LISTEN = 1, /* local port of the listening side */
	MMA_ROLE_CONNECT = 2, /* remote port of the connecting side */
	MMA_ROLE_BOTH = 3,
};

/* Key of `ports` for every port without an entry of its own. */
#define MMA_PORT_ALL 0

#define MMA_NO_SLOT 0xffffffffU

/* Value of `cgroups` and `departed`. Key: __u64 cgroup id (kernfs id). */
struct mma_service_ref {
	__u32 slot; /* index into `stats`; MMA_NO_SLOT: the path was detached */
	__u32 reserved;
};

/*
 * Key of `paths`: the path from the hierarchy's root, zero-padded, such as
 * "/system.slice/postfix.service". A cgroup attached by id alone (inside a
 * cgroup namespace) has the key "id:<decimal id>", which cannot be a path.
 */
struct mma_path_key {
	char path[MMA_PATH_SIZE];
};

enum mma_path_flags {
	MMA_PATH_BY_ID = 1, /* the key is "id:..." */
	MMA_PATH_NO_REPAIR = 2, /* --no-repair */
};

/* Value of `paths`. */
struct mma_path {
	__u32 slot; /* index into `stats`; stays the same while attached */
	__u32 flags; /* enum mma_path_flags */
};

/* Indices into struct mma_stats.counters. Append only. */
enum mma_counter {
	MMA_UPGRADED, /* sockets that became MPTCP */
	MMA_KEPT_MPTCP_OFF, /* kept TCP: net.mptcp.enabled=0 in the namespace */
	MMA_KEPT_UNCOVERED, /* kept TCP: namespace not in `netns` */
	MMA_KEPT_NO_FAMILY, /* kept TCP: kernel has no MPTCP for this family */
	MMA_KEPT_UNKNOWN, /* kept TCP: MPTCP's state could not be read */
	MMA_STRIPPED_SYN, /* MP_CAPABLE removed from a SYN */
	MMA_STRIPPED_SYNACK, /* MP_CAPABLE removed from a SYN-ACK */
	MMA_RESTARTS, /* times the path's cgroup was created while attached */
	MMA_UNACCOUNTED, /* connections that `accounts` had no room for */
	MMA_KEPT_NO_PORT, /* kept TCP: the task can use no listed port */
	MMA_N_COUNTERS,
};

#define MMA_STATS_ROOM 16

/* Value of `stats`: the counters of one slot, totals since attach. */
struct mma_stats {
	__u64 counters[MMA_STATS_ROOM];
};

/* Key of `accounts`. */
struct mma_account_key {
	__u32 slot; /* index into `stats` */
	__u16 port; /* of the server, host order */
	__u8 role; /* the service's enum mma_role: LISTEN or CONNECT */
	__u8 reserved;
};

/* Indices into struct mma_account.counters. Append only. Each connection is
 * counted in exactly one of them; MMA_CONN_SUBFLOWS counts no connections. */
enum mma_connection {
	MMA_CONN_MPTCP, /* both ends are known to speak MPTCP */
	MMA_CONN_FELL_BACK, /* requested, but the peer or a middlebox does not speak it */
	MMA_CONN_PLAIN, /* the client did not request MPTCP */
	MMA_CONN_OFF_LIST, /* requested, but not allowed on the port */
	MMA_CONN_SUBFLOWS, /* additional subflows of connections */
	MMA_N_CONNECTIONS,
};

#define MMA_ACCOUNT_ROOM 8

/* Value of `accounts`: totals since attach. */
struct mma_account {
	__u64 counters[MMA_ACCOUNT_ROOM];
};

/* Value of `netns`. Key: __u64 network namespace cookie. */
struct mma_netns {
	__u64 since; /* CLOCK_BOOTTIME of the first coverage, nanoseconds */
};

/* Value of `asked`, the storage of an MPTCP socket: the TCP options that were set
 * on it before connect(). */
struct mma_asked {
	__u32 options; /* bits of enum mma_asked_option: which were set */
	__u32 user_timeout; /* TCP_USER_TIMEOUT, milliseconds */
	__u32 syncnt; /* TCP_SYNCNT, SYN retransmits */
	__u32 reserved;
};

enum mma_asked_option {
	MMA_ASKED_USER_TIMEOUT = 1,
	MMA_ASKED_SYNCNT = 2,
};

/*
 * Value of `summary`: what the allowlist grants, in 8 bytes that are read at once.
 * It tells upgrade whether a task that may not bind a privileged port can use any
 * listed port. (It is not in `meta`, whose size is part of this ABI.) The map has
 * two entries, see enum mma_summary_key. The summary holds only while its state is
 * MMA_SUMMARY_KNOWN and both entries have the same number of edits. Otherwise
 * upgrade assumes that any task can use the list.
 */
struct mma_summary {
	__u32 edits; /* loader's entry: edits it covers; watch_list's: edits seen */
	__u16 highest_listen; /* port, host order; 65535: all, 0: none */
	__u8 connects; /* some port is allowed in MMA_ROLE_CONNECT */
	__u8 state; /* enum mma_summary_state */
};

enum mma_summary_key {
	MMA_SUMMARY_OF_LOADER, /* written only by the loader, under the lock */
	MMA_SUMMARY_OF_WATCH, /* only `edits`, written only by watch_list */
	MMA_N_SUMMARIES,
};

enum mma_summary_state {
	MMA_SUMMARY_UNKNOWN, /* watch_list is not attached */
	MMA_SUMMARY_IN_WORK, /* the loader is reading the list: every grant is an edit */
	MMA_SUMMARY_KNOWN,
};

#define MMA_BUILD_ID_SIZE 20

/* The only value of `meta`. */
struct mma_meta {
	__u32 abi; /* MMA_ABI of the attached programs */
	__u16 mptcp_pernet_id; /* index of MPTCP in net->gen->ptr, 0: unknown */
	__u8 mptcp_ipv4; /* the kernel supports MPTCP for this family */
	__u8 mptcp_ipv6;
	__u64 levels; /* bit n: a cgroup n levels below the root is attached; may
		       * briefly have bits too many, never too few */
	__u64 strip_levels; /* the same for strip; a bit stays while a socket of a
			     * departed cgroup may be alive */
	char build_id[MMA_BUILD_ID_SIZE]; /* of the BPF object, NUL-terminated */
	__u32 epoch; /* changes after the loader adds an id to `cgroups`; a build
		      * without epochs may write any value here */
};

#ifndef __bpf__
static_assert(sizeof(struct mma_path_key) == 512, "key of paths");
static_assert(sizeof(struct mma_path) == 8, "value of paths");
static_assert(sizeof(struct mma_service_ref) == 8, "value of cgroups");
static_assert(sizeof(struct mma_stats) == 128, "value of stats");
static_assert(sizeof(struct mma_account_key) == 8, "key of accounts");
static_assert(sizeof(struct mma_account) == 64, "value of accounts");
static_assert(sizeof(struct mma_asked) == 16, "value of asked");
static_assert(sizeof(struct mma_meta) == 48, "value of meta");
static_assert(sizeof(struct mma_summary) == 8, "value of summary, read at once");
static_assert((int)MMA_N_COUNTERS <= MMA_STATS_ROOM, "room for counters");
static_assert((int)MMA_N_CONNECTIONS <= MMA_ACCOUNT_ROOM, "room for connections");
#endif

#endif
