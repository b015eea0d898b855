/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types as libbpf gets them when it loads an object. libbpf alone reads
 * all of them, twice over in memory, and goes through them once for each type that a
 * program reads: 700 million instructions. So it is given what the object needs, under
 * the kernel's own numbers (host/btf_thin.h). It calls btf__load_vmlinux_btf() for them, which
 * the linker redirects (--wrap). Where anything is odd or missing, libbpf reads them
 * all, as it does where it is a shared library.
 */
#ifndef MMA_KERNEL_TYPES_H
#define MMA_KERNEL_TYPES_H

#include <stdint.h>

struct bpf_object;

/* What the loads from now on need: what this object's programs name. */
void kernel_types_for(const struct bpf_object *object);

/* The number of the kernel's function of this name, on which a program may sit; 0: none. */
uint32_t kernel_types_function(const char *name);

#endif
