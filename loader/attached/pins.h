/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pins below MMA_PIN_DIR: the state of this project, all of it. Checks
 * that a pin is what its name says before anything trusts it.
 */
#ifndef MMA_PINS_H
#define MMA_PINS_H

#include "abi.h"
#include "pin_names.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_link_info;

/* The pinned maps; each fd is -1 unless open. */
struct maps {
	int ports, cgroups, departed, paths, netns, stats, meta;
	int accounts, summary, asked; /* may be -1: pins of an older version lack them */
};
#define MAPS_CLOSED ((struct maps){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 })

/* Mounts bpffs where it is missing and may be, makes the directories, and
 * refuses a bpffs that the host does not see. */
int pins_prepare(void);

/* Opens the maps of an attachment, into MAPS_CLOSED. 0, with ret_attached false and
 * no map open where nothing is attached; or a fault: a bpffs that is not the host's,
 * a foreign object, another ABI. To be closed with maps_close(). */
int maps_open(struct maps *ret, bool *ret_attached);
void maps_close(struct maps *maps);

/* Number of maps, and name and fd of the i-th. */
size_t maps_count(void);
const char *map_name(size_t i);
int *map_fd(struct maps *maps, size_t i);

/* Full path of a pin: "<dir>/<sub>/<name>"; sub may be NULL. */
struct pin {
	char path[PATH_MAX];
};
struct pin pin_path(const char *sub, const char *name);

/* Opens a pin of links/ or progs/: an fd, or -errno. */
int pin_open(const char *sub, const char *name);
/* What the link that is pinned under this name is: 0, or -errno without a fault: -ENOENT
 * where there is no such pin, -EINVAL where it is not of this enum bpf_link_type. */
int pin_link_info(const char *name, __u32 type, struct bpf_link_info *ret);
/* The id of the program of this enum bpf_prog_type that is pinned under this name; 0:
 * there is none. */
__u32 pin_program_id(const char *name, __u32 type);
/* Pins fd, over an older pin of this name without a moment without one. */
int pin_replace(int fd, const char *sub, const char *name);
/* Pins fd where no older pin is worth anything: there is one name only, under
 * which a killed run may have left it. */
int pin_new(int fd, const char *sub, const char *name);
/* Unpins; a missing pin is done already. */
int pin_remove(const char *sub, const char *name);

/* Before pins are removed, and only some of them would be: 0, or a fault where the BPF file
 * system is read-only. */
int pins_need_writable(void);

/* Calls each() for every name in links/ that starts with prefix. Stops at the
 * first non-zero result and returns it. */
typedef int pin_fn(const char *name, void *data);
int pins_each_link(const char *prefix, pin_fn *each, void *data);

/* Removes what killed runs left of pin_replace(). */
int pins_sweep(void);

/* Removes every pin and the directories, links first. */
int pins_remove_all(void);

#endif
