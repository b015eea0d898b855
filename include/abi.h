/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI between the BPF programs, the loader and whoever reads the pinned
 * maps with bpftool. Everything is in host byte order. A change that an older
 * program would misread needs a new MMA_ABI.
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

/* Attached paths at most, and with that slots in `stats`. */
#define MMA_MAX_SERVICES 4096
/* Cgroup ids in `cgroups`: one for each path, and room for replacement. */
#define MMA_MAX_CGROUPS 8192
/* Network namespaces in `netns`. */
#define MMA_MAX_NETNS 4096
/* Every port, and key 0 for "all ports". */
#define MMA_MAX_PORTS 65536
/* Ids of removed cgroups whose sockets may live on (LRU). */
#define MMA_MAX_DEPARTED 8192
/* Entries of `accounts`: pairs of service and port, in each role. */
#define MMA_MAX_ACCOUNTS 16384
/* A path from the hierarchy's root with its NUL. A BPF hash takes keys of at
 * most 512 bytes (MAX_BPF_STACK). */
#define MMA_PATH_SIZE 512
/* The levels below the root that can be attached: bits of meta.levels. */
#define MMA_MAX_LEVEL 63

/* Value of `ports`: the roles in which a port may speak MPTCP. Key: __u16. */
enum mma_role {
	MMA_ROLE_NONE = 0, /* denied; a later --port does not raise it */
	MMA_ROLE_LISTEN = 1, /* local port of the listening side */
	MMA_ROLE_CONNECT = 2, /* remote port of the connecting side */
	MMA_ROLE_BOTH = 3,
};

/* Key of `ports` that stands for every port without an entry of its own. */
#define MMA_PORT_ALL 0

#define MMA_NO_SLOT 0xffffffffU

/* Value of `cgroups` and `departed`. Key: __u64 cgroup id (kernfs id). */
struct mma_service_ref {
	__u32 slot; /* index into `stats`; MMA_NO_SLOT: of a detached path */
	__u32 reserved;
};

/*
 * Key of `paths`: the path from the hierarchy's root, zero-padded, such as
 * "/system.slice/postfix.service". A cgroup attached by id alone (inside a
 * cgroup namespace) has the key "id:<decimal id>", which no path equals.
 */
struct mma_path_key {
	char path[MMA_PATH_SIZE];
};

enum mma_path_flags {
	MMA_PATH_BY_ID = 1, /* what the key says already, for who reads the map */
	MMA_PATH_NO_REPAIR = 2, /* --no-repair */
};

/* Value of `paths`. */
struct mma_path {
	__u32 slot; /* index into `stats`, the same as long as it is attached */
	__u32 flags; /* enum mma_path_flags */
};

/* Indices into struct mma_stats.counters. Only ever appended to. */
enum mma_counter {
	MMA_UPGRADED, /* sockets made MPTCP */
	MMA_KEPT_MPTCP_OFF, /* kept TCP: net.mptcp.enabled=0 in the namespace */
	MMA_KEPT_UNCOVERED, /* kept TCP: namespace not in `netns` */
	MMA_KEPT_NO_FAMILY, /* kept TCP: kernel has no MPTCP for this family */
	MMA_KEPT_UNKNOWN, /* kept TCP: MPTCP's state could not be read */
	MMA_STRIPPED_SYN, /* MP_CAPABLE taken out of a SYN */
	MMA_STRIPPED_SYNACK, /* MP_CAPABLE taken out of a SYN-ACK */
	MMA_RESTARTS, /* times the path's cgroup was created while attached */
	MMA_UNACCOUNTED, /* connections that `accounts` had no room for */
	MMA_KEPT_NO_PORT, /* kept TCP: the task can use no port on the list */
	MMA_N_COUNTERS,
};

#define MMA_STATS_ROOM 16

/* Value of `stats`: the counters of one slot, each a total since attach. */
struct mma_stats {
	__u64 counters[MMA_STATS_ROOM];
};

/* Key of `accounts`. */
struct mma_account_key {
	__u32 slot; /* index into `stats` */
	__u16 port; /* the server's, host order */
	__u8 role; /* enum mma_role: LISTEN or CONNECT, what the service was */
	__u8 reserved;
};

/* Indices into struct mma_account.counters. Only ever appended to. Each
 * connection is in one of them, subflows apart. */
enum mma_connection {
	MMA_CONN_MPTCP, /* both ends have shown that they speak it */
	MMA_CONN_FELL_BACK, /* was asked for; the peer, or what is between, does not */
	MMA_CONN_PLAIN, /* was never asked for, by the client */
	MMA_CONN_OFF_LIST, /* was asked for, but not allowed on the port */
	MMA_CONN_SUBFLOWS, /* additional paths of connections, not connections */
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

/* Value of `asked`, the storage of an MPTCP socket: TCP's options that it was given
 * before it connects. */
struct mma_asked {
	__u32 options; /* bits, enum mma_asked_option: those that were given */
	__u32 user_timeout; /* TCP_USER_TIMEOUT, milliseconds */
	__u32 syncnt; /* TCP_SYNCNT, retransmits of a SYN */
	__u32 reserved;
};

enum mma_asked_option {
	MMA_ASKED_USER_TIMEOUT = 1,
	MMA_ASKED_SYNCNT = 2,
};

/*
 * What the allowlist grants, in one word: by it upgrade knows whether a task that
 * may not bind a privileged port could use a port on the list at all. (Not in
 * `meta`: its size is part of this ABI.) Two entries of `summary`, by enum
 * mma_summary_key. MMA_SUMMARY_KNOWN is true of the list as long as both have the
 * same number of edits; all else means "anybody may use it".
 */
struct mma_summary {
	__u32 edits; /* of the loader: that it covers; of the watch: seen so far */
	__u16 highest_listen; /* port, host order; 65535 for "all", 0: none */
	__u8 connects; /* some port is allowed for connections that are made */
	__u8 state; /* enum mma_summary_state */
};

enum mma_summary_key {
	MMA_SUMMARY_OF_LOADER, /* written by the loader only, under the lock */
	MMA_SUMMARY_OF_WATCH, /* `edits` alone, written by watch_list only */
	MMA_N_SUMMARIES,
};

enum mma_summary_state {
	MMA_SUMMARY_UNKNOWN, /* nobody watches the list */
	MMA_SUMMARY_IN_WORK, /* the loader reads the list: each grant counts as an edit */
	MMA_SUMMARY_KNOWN,
};

#define MMA_BUILD_ID_SIZE 20

/* The one value of `meta`. */
struct mma_meta {
	__u32 abi; /* MMA_ABI of the programs that are attached */
	__u16 mptcp_pernet_id; /* index of MPTCP in net->gen->ptr, 0: unknown */
	__u8 mptcp_ipv4; /* the kernel makes MPTCP sockets of this family */
	__u8 mptcp_ipv6;
	__u64 levels; /* bit n: a cgroup n levels below the root is attached; may
		       * be too wide for a moment, never too narrow */
	__u64 strip_levels; /* the same for strip, kept as long as a socket of a
			     * departed cgroup may live */
	char build_id[MMA_BUILD_ID_SIZE]; /* of the BPF object, NUL-terminated */
	__u32 epoch; /* another one whenever the loader has entered an id in `cgroups`;
		      * a build that knows none writes what it likes here */
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
