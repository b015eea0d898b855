/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF objects of the tests, loaded natively. */
#ifndef MMA_OBJECT_H
#define MMA_OBJECT_H

#include "packets.h"
#include <bpf/libbpf.h>
#include <stdint.h>

/* Skips the current test, with the reason, if BPF programs cannot be loaded at all: not
 * root, no BTF, a kernel that refuses. */
void need_bpf(void);

/* Load the product's programs without `upgrade`, which needs trampolines that not every
 * kernel allows; or the fixture's. Any failure fails the test. */
struct bpf_object *load_product(void);
/* The same with the kernel's types from a file (btf_custom_path). */
struct bpf_object *load_product_by(const char *types);
struct bpf_object *load_fixture(void);

/* Loads strip in a version that cannot write packets, with the product's maps. */
struct bpf_object *load_unwritable(const struct bpf_object *product);

int program_fd(const struct bpf_object *object, const char *name);
int map_fd(const struct bpf_object *object, const char *name);

/* Deletes every entry of a hash map. */
void map_clear(int fd, uint32_t key_size);

/* Runs a program once on the packet. ret_out gets the resulting packet. Returns the
 * program's verdict. */
uint32_t run_on_packet(int prog_fd, const struct packet *in, struct packet *ret_out);

#endif
