/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs other than the tool that load one of our object files. They leave it to libbpf to find
 * what programs are attached to, unless they call kernel_object_handlers(). */
#ifndef MMA_TESTS_PREPARED_H
#define MMA_TESTS_PREPARED_H

#include "host/kernel_object.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole file, mapped until the process ends; NULL and errno if it cannot be read. */
static inline const void *whole_file(const char *file, size_t *ret_size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat stat = { 0 };
	void *data = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &stat))
		data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*ret_size = (size_t)stat.st_size;
	return data == MAP_FAILED ? NULL : data;
}

/* Opens an object, with the ids that the loader sets. types: its btf_custom_path, or NULL. NULL and
 * errno if that fails. */
static inline struct bpf_object *open_prepared_elf(const void *elf, size_t size, const char *types)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "mma", .btf_custom_path = types);
	struct bpf_object *object = NULL;
	void *prepared = NULL;
	int err = kernel_object_with_calls(elf, size, &prepared);

	if (!err) {
		object = bpf_object__open_mem(prepared, size, &opts);
		err = object ? kernel_object_number(object) : -errno;
	}
	free(prepared);
	if (!err)
		return object;
	bpf_object__close(object);
	errno = -err;
	return NULL;
}

/* The same for an object file. */
static inline struct bpf_object *open_prepared(const char *file, const char *types)
{
	size_t size = 0;
	const void *elf = whole_file(file, &size);

	return elf ? open_prepared_elf(elf, size, types) : NULL;
}

#endif
