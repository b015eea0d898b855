/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network namespaces for a test, with strip on their interfaces, without the loader:
 * HERE has the attached services, PEER is another host, ROUTED lies behind HERE, which
 * forwards for it. One process creates every socket, in the namespace and cgroup that
 * the test asks for.
 */
#ifndef MMA_RIG_H
#define MMA_RIG_H

#include "abi.h"
#include "tree.h"
#include <stdbool.h>
#include <stdint.h>

enum where { HERE, PEER, ROUTED, N_WHERE };

/* IPv4 192.0.2.x and IPv6 2001:db8::x: */
#define HERE_IPV4 "192.0.2.1"
#define PEER_IPV4 "192.0.2.2"
#define ROUTED_IPV4 "198.51.100.2"
#define HERE_IPV6 "2001:db8::1"
#define PEER_IPV6 "2001:db8::2"
#define HERE_IPV6_HEX "20010db8000000000000000000000001"
#define PEER_IPV6_HEX "20010db8000000000000000000000002"

#define SERVICE_SLOT 3
#define NESTED_SLOT 4

struct rig {
	struct tree tree;
	uint64_t service; /* id of the attached cgroup "<top>/a/service", level 3 */
	uint64_t child; /* of "child" below it */
	int ports, cgroups, departed, stats, meta;
};

/* rig_begin() skips the test if this kernel cannot run it. */
void rig_begin(struct rig *ret);
void rig_end(struct rig *rig);

/* Empties the list, attaches only the service, and sets the counters to 0. */
void rig_reset(struct rig *rig);

void rig_allow(struct rig *rig, uint16_t port, uint8_t roles);
void rig_forget(struct rig *rig, uint16_t port);
uint64_t rig_count(struct rig *rig, uint32_t slot, enum mma_counter counter);

/* Sets the namespace of later sockets. */
void rig_go(enum where where);

/* Waits for an IPv6 address, given as 32 hex digits: the kernel adds its route a little
 * after the address. */
void rig_await(enum where where, const char *address);

/* Writes a sysctl below /proc/sys/net in a namespace. */
void rig_sysctl(enum where where, const char *name, const char *value);

/* Whether the device computes checksums, or the kernel before it. */
void rig_offload(const char *interface, bool on);

/* From now on strip cannot write packets, as when memory is short; or it can again. */
void rig_unwritable(bool on);

/* Attaches strip to an interface of HERE, as the loader does. */
void rig_strip(const char *interface);

#endif
