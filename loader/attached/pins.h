/* SPDX-License-Identifier: GPL-2.0-only */
/* The pins below MMA_PIN_DIR: the whole state of this project. Each pin is checked to be what
 * its name says before it is trusted. */
#ifndef MMA_PINS_H
#define MMA_PINS_H

#include "abi.h"
#include "pin_names.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_link_info;
struct bpf_prog_info;

/* The pinned maps; an fd is -1 if not open. */
struct maps {
	int ports, cgroups, departed, paths, netns, stats, meta;
	int accounts, summary, asked; /* may be -1: older versions did not pin them */
};
#define MAPS_CLOSED ((struct maps){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 })

/* Mounts bpffs if it is missing and may be mounted, makes the directories, and refuses a bpffs
 * that is not the host's. */
int pins_prepare(void);

/* Opens the maps of an attachment; initialise ret to MAPS_CLOSED. Returns 0; if nothing is
 * attached, ret_attached is false and no map is open. A fault: bpffs is not the host's, a
 * foreign object, or another ABI. The caller closes ret with maps_close(). */
int maps_open(struct maps *ret, bool *ret_attached);
void maps_close(struct maps *maps);

/* The number of maps; the name and the fd of the i-th one. */
size_t maps_count(void);
const char *map_name(size_t i);
int *map_fd(struct maps *maps, size_t i);

/* Full path of a pin: "<dir>/<sub>/<name>"; sub may be NULL. */
struct pin {
	char path[PATH_MAX];
};
struct pin pin_path(const char *sub, const char *name);

/* Opens a pin of links/ or progs/: returns an fd or -errno. */
int pin_open(const char *sub, const char *name);
/* Info on the link pinned under this name. Returns 0, or -errno without a fault: -ENOENT if
 * there is no such pin, -EINVAL if it is not of this enum bpf_link_type. */
int pin_link_info(const char *name, __u32 type, struct bpf_link_info *ret);
/* The same for a program and its enum bpf_prog_type. */
int pin_program_info(const char *name, __u32 type, struct bpf_prog_info *ret);
/* The id of the program of this enum bpf_prog_type that is pinned under this name; 0: none. */
__u32 pin_program_id(const char *name, __u32 type);
/* Pins fd, atomically replacing an older pin of this name. */
int pin_replace(int fd, const char *sub, const char *name);
/* Pins fd, removing an older pin of this name first: for pins that a killed run may have left
 * and that nobody needs. */
int pin_new(int fd, const char *sub, const char *name);
/* Unpins; a missing pin is no error. */
int pin_remove(const char *sub, const char *name);

/* Call it before removing several pins, so that not just some of them go. Returns 0, or a fault
 * if bpffs is read-only. */
int pins_need_writable(void);

/* Calls each() for every name in links/ that starts with prefix. Stops at the first non-zero
 * result and returns it. */
typedef int pin_fn(const char *name, void *data);
int pins_each_link(const char *prefix, pin_fn *each, void *data);

/* Removes what killed runs left of pin_replace(). */
int pins_sweep(void);

/* Removes every pin and the directories, links first. */
int pins_remove_all(void);

#endif
