/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types, as the loader needs them and as it hands them to libbpf. There are
 * 130 000, and libbpf alone goes through all of them once for each type that a program
 * reads: 700 million instructions. So it is given a few in a file (btf_custom_path): the
 * types that the object names, with what is inside them by value. They have numbers of their
 * own; where the kernel is told a number, the program has it in read-only data (number_of_…).
 */
#ifndef MMA_KERNEL_TYPES_H
#define MMA_KERNEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

struct bpf_object;

/*
 * For btf_custom_path, before this object is opened: a file with the few types that it needs,
 * the same one each time. NULL where not all of them are there, or no file can be made: then
 * libbpf reads all types, those of modules, too, and -v says why.
 */
const char *kernel_types_for(const void *elf, size_t size);

/* After it, before the load: sets each number_of_NAME of the object to that of the kernel's
 * struct NAME. 0 or -errno. */
int kernel_types_number(const struct bpf_object *object);

/* The number of the kernel's function of this name, on which a program may sit; 0: none. */
uint32_t kernel_types_function(const char *name);

#endif
