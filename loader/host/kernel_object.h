/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Prepares our object files for libbpf, so that it does not read the kernel's types. There are
 * 130 000. libbpf would search all of them once for each type that a program reads, for each
 * function that it is attached to and for each one that it calls: two thirds of an attach
 * (docs/decisions.md). Instead:
 * - types: it gets a file with only a few (btf_custom_path): those that the object names, and what
 *   they contain by value. They have other ids there than in the kernel; a program that must pass a
 *   type's id to the kernel finds it in its read-only data (number_of_NAME).
 * - functions that programs are attached to: the loader says which ones they are.
 * - functions that programs call: the loader writes their ids into the object.
 */
#ifndef MMA_KERNEL_OBJECT_H
#define MMA_KERNEL_OBJECT_H

#include <stddef.h>

struct bpf_object;

/*
 * The btf_custom_path with which to open this object: a file with the few types that it needs, the
 * same one at each call. NULL if a type is missing or the file cannot be made: then libbpf searches
 * all types, those of modules, too, and -v says why.
 */
const char *kernel_object_types(const void *elf, size_t size);

/* A copy of the object, for the caller to free after it is opened: its calls have the ids of the
 * functions; 0, which the verifier refuses, for one that this kernel does not have. Returns 0 or
 * -errno. */
int kernel_object_with_calls(const void *elf, size_t size, void **ret);

/* Sets each number_of_NAME of the object to the BTF id of the kernel's struct NAME. Call it between
 * open and load. Returns 0 or -errno. */
int kernel_object_number(const struct bpf_object *object);

/* Loads programs on kernel functions and tracepoints without libbpf's search, from now on. Such a
 * program is attached with bpf_program__attach_trace(). Returns 0 or -errno. */
int kernel_object_handlers(void);

#endif
