/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types (BTF), for the loader and for libbpf. There are 130 000, and libbpf searches
 * all of them once for each type that a program reads: 700 million instructions. So it gets a file
 * with only a few (btf_custom_path): the types that the object names, and what they contain by
 * value. They have other ids there than in the kernel. A program that must pass a type's id to the
 * kernel finds it in its read-only data (number_of_…).
 */
#ifndef MMA_KERNEL_TYPES_H
#define MMA_KERNEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

struct bpf_object;

/*
 * The btf_custom_path with which to open this object: a file with the few types that it needs, the
 * same one at each call. NULL if a type is missing or the file cannot be made: then libbpf searches
 * all types, those of modules, too, and -v says why.
 */
const char *kernel_types_for(const void *elf, size_t size);

/* Sets each number_of_NAME of the object to the BTF id of the kernel's struct NAME. Call it between
 * open and load. Returns 0 or -errno. */
int kernel_types_number(const struct bpf_object *object);

/* The BTF id of the kernel function of this name, to attach a program to it; 0: none. */
uint32_t kernel_types_function(const char *name);

#endif
