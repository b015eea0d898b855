/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where strip is measured: network namespaces, cgroups and programs of the bench's own,
 * without the loader. Any failure ends the process: err(3).
 */
#ifndef MMA_PLACE_H
#define MMA_PLACE_H

#include <stdint.h>

/* Programs at a device's egress. */
enum variant { NONE, EMPTY, STRIP, N_VARIANTS };

extern const char *const variant_names[N_VARIANTS];

/*
 * The devices of HERE, all veth; PEER has the other end, pNAME, and address 2:
 *   u%d  one for each variant, packets vanish at PEER:  10.1.%d.1/24
 *   t%d  one for each variant:                          10.2.%d.1/24, fd00:2:%d::1/64
 *   s0   for SYNs, which vanish at PEER:                10.3.0.1/24
 *   b0   for throughput:                                10.4.0.1/24
 */
enum where { HERE, PEER, N_WHERE };

void place_begin(void);
void place_go(enum where where);
/* More devices, without addresses: x<from> to x<to>, neighbours being pairs; from an odd one. */
void place_add_devices(int from, int to);

/* A cgroup at the level of a service, and whether this process is in it. */
uint64_t cgroup_begin(void);
void cgroup_enter(int attached);
void cgroup_end(void);

/* Maps of the loaded strip program. */
struct strip_maps {
	int ports, cgroups, meta;
};

/* Load copies of a program: one hook takes each program only once. */
int load_empty(void);
int load_strip(struct strip_maps *ret);

/* At the egress of a device; returns the link, which holds it. */
int attach(int prog, const char *device);
/* At the ingress of a device of PEER: no packet passes. */
void drop_at(const char *device);

#endif
