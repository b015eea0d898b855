/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Searches the kernel's types (BTF), for everything that was asked for in one pass. Not those of
 * modules. On a kernel without BTF, nothing is found.
 */
#ifndef MMA_KERNEL_TYPES_H
#define MMA_KERNEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* Asks for a type by the first `length` bytes of a name. kind: BTF_KIND_…; BTF_KIND_ENUM includes
 * ENUM64. Returns 0 or -ENOMEM. */
int kernel_types_ask(const char *name, size_t length, uint32_t kind);

/* The BTF id of a kernel type; 0: none. Searches anew only if it was not asked for before the last
 * search. Returns 0 or -errno. */
int kernel_types_id(const char *name, uint32_t kind, uint32_t *ret_id);

/* The same, of a function. 0 also if the types cannot be read. */
uint32_t kernel_types_function(const char *name);

/* Writes all types that were asked for, except functions, and what they contain by value, as a BTF
 * file in memory, where they have other ids. It lasts as long as the process. Returns 0 or -errno;
 * -ENOENT if one is missing. */
int kernel_types_file(char *ret_path, size_t path_size);

/* A type, no function, that was asked for and is not there, or NULL. */
const char *kernel_types_missing(void);

/* Frees what a search holds, 6 MB, but not its results. */
void kernel_types_forget(void);

#endif
