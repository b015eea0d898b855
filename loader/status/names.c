// SPDX-License-Identifier: GPL-2.0-only
#include "status/names.h"

const char *const status_counter_names[MMA_N_COUNTERS] = {
	[MMA_UPGRADED] = "upgraded",
	[MMA_KEPT_MPTCP_OFF] = "kept_mptcp_off",
	[MMA_KEPT_UNCOVERED] = "kept_netns_uncovered",
	[MMA_KEPT_NO_FAMILY] = "kept_no_family",
	[MMA_KEPT_UNKNOWN] = "kept_unknown",
	[MMA_STRIPPED_SYN] = "stripped_syn",
	[MMA_STRIPPED_SYNACK] = "stripped_synack",
	[MMA_RESTARTS] = "restarts",
	[MMA_UNACCOUNTED] = "connections_unaccounted",
	[MMA_KEPT_NO_PORT] = "kept_no_listed_port",
};

const char *const status_counter_words[MMA_N_COUNTERS] = {
	[MMA_UPGRADED] = "sockets upgraded",
	[MMA_KEPT_MPTCP_OFF] = "kept TCP: MPTCP switched off",
	[MMA_KEPT_UNCOVERED] = "kept TCP: network namespace not covered",
	[MMA_KEPT_NO_FAMILY] = "kept TCP: no MPTCP for the address family",
	[MMA_KEPT_UNKNOWN] = "kept TCP: MPTCP's state unreadable",
	[MMA_STRIPPED_SYN] = "outgoing, kept TCP: port not allowed",
	[MMA_STRIPPED_SYNACK] = "incoming, kept TCP: port not allowed",
	[MMA_RESTARTS] = "restarts since attach",
	[MMA_UNACCOUNTED] = "connections not counted: table full",
	[MMA_KEPT_NO_PORT] = "kept TCP: may not bind a listed port",
};

const char *const status_connection_names[MMA_N_CONNECTIONS] = {
	[MMA_CONN_MPTCP] = "mptcp",	  [MMA_CONN_FELL_BACK] = "fell_back",
	[MMA_CONN_PLAIN] = "plain",	  [MMA_CONN_OFF_LIST] = "off_list",
	[MMA_CONN_SUBFLOWS] = "subflows",
};

const char *const status_connection_words[MMA_N_CONNECTIONS] = {
	[MMA_CONN_MPTCP] = "MPTCP",	  [MMA_CONN_FELL_BACK] = "fell back",
	[MMA_CONN_PLAIN] = "plain",	  [MMA_CONN_OFF_LIST] = "off list",
	[MMA_CONN_SUBFLOWS] = "subflows",
};
