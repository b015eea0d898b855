/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All of the kernel's own types (BTF, without those of modules): 130 000, 5.5 MB. libbpf can read
 * them, too, but it checks each one, and holds two copies meanwhile unless it (1.6) and the kernel
 * can map the file.
 */
#ifndef MMA_KERNEL_BTF_H
#define MMA_KERNEL_BTF_H

#include <bpf/btf.h>
#include <stddef.h>
#include <stdint.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

struct kernel_btf;

/* Returns 0 or -errno; -ENOENT: the kernel has none;
 * -EINVAL: a format that this does not know. */
int kernel_btf_read(struct kernel_btf **ret);
void kernel_btf_free(struct kernel_btf *all);

/* One more than the highest id. */
uint32_t kernel_btf_count(const struct kernel_btf *all);

/* id: from 1, below the count. Valid as long as `all`. */
const struct btf_type *kernel_btf_type(const struct kernel_btf *all, uint32_t id);

/* "" if it has none. */
const char *kernel_btf_name(const struct kernel_btf *all, const struct btf_type *type);

/* The i-th reference of a type to another type, an id, or NULL. */
uint32_t *kernel_btf_inside(struct btf_type *type, uint32_t i);

/*
 * A copy of some types, as a BTF file of its own.
 * ids: by id, not 0 for each type to copy; becomes its id in the copy. A reference to any other
 * type becomes one to void. ret_file: for the caller to free. Returns 0 or -errno.
 */
int kernel_btf_copy(const struct kernel_btf *all, uint32_t *ids, void **ret_file, size_t *ret_size);

#endif
