/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of all pins in bpffs. They are a stable interface: bpftool users rely
 * on them. Names must not contain a dot: bpffs refuses it.
 */
#ifndef MMA_PIN_NAMES_H
#define MMA_PIN_NAMES_H

#define MMA_BPFFS "/sys/fs/bpf"
#define MMA_PIN_DIR MMA_BPFFS "/mptcp-mail"

#define MMA_PIN_PORTS "ports"
#define MMA_PIN_CGROUPS "cgroups"
#define MMA_PIN_DEPARTED "departed"
#define MMA_PIN_PATHS "paths"
#define MMA_PIN_NETNS "netns"
#define MMA_PIN_STATS "stats"
#define MMA_PIN_META "meta"
#define MMA_PIN_ACCOUNTS "accounts"
#define MMA_PIN_ASKED "asked"
#define MMA_PIN_SUMMARY "summary"

#define MMA_PIN_LINKS "links"
#define MMA_PIN_PROGS "progs"

#define MMA_PIN_UPGRADE "upgrade"
#define MMA_PIN_UPGRADE_2 "upgrade_2"
#define MMA_PIN_MKDIR "follow_mkdir"
#define MMA_PIN_RMDIR "follow_rmdir"
#define MMA_PIN_STRIP "strip"
#define MMA_PIN_REPAIR_GET "repair-get"
#define MMA_PIN_REPAIR_SET "repair-set"
#define MMA_PIN_REPAIR_CONNECT4 "repair-connect4"
#define MMA_PIN_REPAIR_CONNECT6 "repair-connect6"
#define MMA_PIN_WATCH_LIST "watch_list"
#define MMA_PIN_WATCH_LIST_2 "watch_list_2"
#define MMA_PIN_ACCOUNT_EVENT "account_event"
#define MMA_PIN_ACCOUNT_EVENT_2 "account_event_2"
#define MMA_PIN_ACCOUNT_ACCEPT "account_accept"
#define MMA_PIN_ACCOUNT_CONNECT "account_connect"

/* A replacement is pinned under the name plus this suffix, then renamed. */
#define MMA_PIN_NEW "-new"

#endif
