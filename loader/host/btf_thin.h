/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the kernel's type information small: of its 130 000 types libbpf needs a few
 * dozen by name, and looks at all names for each of them.
 */
#ifndef MMA_BTF_THIN_H
#define MMA_BTF_THIN_H

#include <stddef.h>
#include <stdint.h>

struct btf_name {
	char *text; /* without CO-RE's flavor, "___" and what follows */
	uint32_t kind; /* BTF_KIND_…; ENUM stands for ENUM64, too */
	uint32_t number; /* out: of a type of this name; 0: none */
};

/* All zero: none. */
struct btf_names {
	struct btf_name *list;
	size_t n;
	/* A bit for the two first characters of each name, and for a hash of the first
	 * six: most names of the kernel's end the comparison there. */
	uint64_t twos[1 << 10], sixes[1 << 8];
};

/* -ENOMEM, or 0: also where it is there already. */
int btf_names_add(struct btf_names *names, const char *text, uint32_t kind);
void btf_names_free(struct btf_names *names);
/* The first that was not found, or NULL. */
const char *btf_names_missing(const struct btf_names *names);

/*
 * Each type keeps its number, kind and size. Those of the names, and what they have
 * within them (not what they point to), keep all; the others lose names, members and
 * parameters. raw: allocated, of the form of /sys/kernel/btf/vmlinux; changed in place,
 * reallocated, and of another size afterwards. -EINVAL: something is odd, and what is
 * in raw is of no use any more. -ENOMEM: the same.
 */
int btf_thin(char **raw, size_t *size, struct btf_names *names);

#endif
