// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What every version of the format has: newer headers declare more fields behind it. */
#define HEADER_SIZE (offsetof(struct btf_header, str_len) + sizeof(uint32_t))

struct kernel_btf {
	struct btf_header *file; /* with what follows it */
	const char *types, *strings;
	uint32_t *offsets; /* of each type, by id */
	uint32_t count;
};

static int read_file(int fd, struct btf_header **ret, size_t *ret_size)
{
	struct stat stat;
	size_t size = 0;
	ssize_t n = 1;
	char *data;

	if (fstat(fd, &stat))
		return -errno;
	data = malloc((size_t)stat.st_size);
	if (!data)
		return -ENOMEM;
	while (n > 0 && size < (size_t)stat.st_size) {
		n = read(fd, data + size, (size_t)stat.st_size - size);
		size += n > 0 ? (size_t)n : 0;
	}
	*ret = (struct btf_header *)data;
	*ret_size = size;
	return n < 0 ? -errno : 0;
}

static bool is_known(const struct btf_header *file, size_t size)
{
	return size >= HEADER_SIZE && file->magic == BTF_MAGIC && file->version == BTF_VERSION &&
	       file->hdr_len >= HEADER_SIZE &&
	       (uint64_t)file->hdr_len + file->type_off + file->type_len <= size &&
	       (uint64_t)file->hdr_len + file->str_off + file->str_len <= size && file->str_len &&
	       !((const char *)file)[file->hdr_len + file->str_off + file->str_len - 1];
}

/* In bytes; 0: of an unknown kind. */
static size_t size_of(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_FWD:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return sizeof(*type);
	case BTF_KIND_INT:
		return sizeof(*type) + sizeof(uint32_t);
	case BTF_KIND_ENUM:
		return sizeof(*type) + btf_vlen(type) * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return sizeof(*type) + btf_vlen(type) * sizeof(struct btf_enum64);
	case BTF_KIND_ARRAY:
		return sizeof(*type) + sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return sizeof(*type) + btf_vlen(type) * sizeof(struct btf_member);
	case BTF_KIND_FUNC_PROTO:
		return sizeof(*type) + btf_vlen(type) * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(*type) + sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return sizeof(*type) + btf_vlen(type) * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(*type) + sizeof(struct btf_decl_tag);
	}
	return 0;
}

/* Notes where each type is, and counts them. */
static int index_types(struct kernel_btf *all, size_t size)
{
	uint32_t end, at = 0, id = 1; /* 0: void, which is not in the file */
	const char *body;

	if (!is_known(all->file, size))
		return -EINVAL;
	body = (const char *)all->file + all->file->hdr_len;
	all->types = body + all->file->type_off;
	all->strings = body + all->file->str_off;
	end = all->file->type_len;
	/* Enough for the smallest types; pages that are not used take no memory. */
	all->offsets = malloc((end / sizeof(struct btf_type) + 1) * sizeof(*all->offsets));
	if (!all->offsets)
		return -ENOMEM;
	for (; end - at >= sizeof(struct btf_type); id++) {
		size_t length = size_of((const struct btf_type *)(all->types + at));

		if (!length || length > end - at)
			return -EINVAL;
		all->offsets[id] = at;
		at += (uint32_t)length;
	}
	all->count = id;
	return at == end ? 0 : -EINVAL;
}

int kernel_btf_read(struct kernel_btf **ret)
{
	struct kernel_btf *all = calloc(1, sizeof(*all));
	int fd = open(VMLINUX_BTF, O_RDONLY | O_CLOEXEC), err = fd < 0 ? -errno : 0;
	size_t size = 0;

	if (!all)
		err = -ENOMEM;
	if (!err)
		err = read_file(fd, &all->file, &size);
	if (!err)
		err = index_types(all, size);
	if (fd >= 0)
		close(fd);
	if (err)
		kernel_btf_free(all);
	else
		*ret = all;
	return err;
}

void kernel_btf_free(struct kernel_btf *all)
{
	if (!all)
		return;
	free(all->offsets);
	free(all->file);
	free(all);
}

uint32_t kernel_btf_count(const struct kernel_btf *all)
{
	return all->count;
}

const struct btf_type *kernel_btf_type(const struct kernel_btf *all, uint32_t id)
{
	return (const struct btf_type *)(all->types + all->offsets[id]);
}

static const char *string_at(const struct kernel_btf *all, uint32_t offset)
{
	return offset < all->file->str_len ? all->strings + offset : "";
}

const char *kernel_btf_name(const struct kernel_btf *all, const struct btf_type *type)
{
	return string_at(all, type->name_off);
}

uint32_t *kernel_btf_inside(struct btf_type *type, uint32_t i)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return i < btf_vlen(type) ? &btf_members(type)[i].type : NULL;
	case BTF_KIND_ARRAY:
		if (i == 0)
			return &btf_array(type)->type;
		return i == 1 ? &btf_array(type)->index_type : NULL;
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return i == 0 ? &type->type : NULL;
	}
	return NULL;
}

/* The i-th name in a type, its own first, or NULL: an offset among the strings. */
static uint32_t *name_inside(struct btf_type *type, uint32_t i)
{
	if (i == 0)
		return &type->name_off;
	if (i > btf_vlen(type))
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return &btf_members(type)[i - 1].name_off;
	case BTF_KIND_ENUM:
		return &btf_enum(type)[i - 1].name_off;
	case BTF_KIND_ENUM64:
		return &btf_enum64(type)[i - 1].name_off;
	}
	return NULL;
}

/* Numbers the types to copy, and adds up their size and that of their names. */
static void measure(const struct kernel_btf *all, uint32_t *ids, struct btf_header *header)
{
	uint32_t next = 1, *name;

	*header = (struct btf_header){
		.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = HEADER_SIZE, .str_len = 1
	}; /* begins with "" */
	for (uint32_t id = 1; id < all->count; id++) {
		struct btf_type *type = (struct btf_type *)kernel_btf_type(all, id);

		if (!ids[id])
			continue;
		ids[id] = next++;
		header->type_len += (uint32_t)size_of(type);
		for (uint32_t i = 0; (name = name_inside(type, i)); i++)
			if (*name)
				header->str_len += (uint32_t)strlen(string_at(all, *name)) + 1;
	}
	header->str_off = header->type_len;
}

/* Returns where the next string goes. */
static char *move_names(const struct kernel_btf *all, struct btf_type *type, const char *strings,
			char *end)
{
	uint32_t *name;

	for (uint32_t i = 0; (name = name_inside(type, i)); i++) {
		const char *text = string_at(all, *name);

		if (!*name)
			continue;
		*name = (uint32_t)(end - strings);
		end = stpcpy(end, text) + 1;
	}
	return end;
}

int kernel_btf_copy(const struct kernel_btf *all, uint32_t *ids, void **ret_file, size_t *ret_size)
{
	struct btf_header header;
	char *file, *at, *strings, *end;
	uint32_t *part;

	measure(all, ids, &header);
	*ret_size = HEADER_SIZE + header.type_len + header.str_len;
	*ret_file = file = calloc(1, *ret_size);
	if (!file)
		return -ENOMEM;
	memcpy(file, &header, HEADER_SIZE);
	at = file + HEADER_SIZE;
	strings = at + header.str_off;
	end = strings + 1;
	for (uint32_t id = 1; id < all->count; id++) {
		const struct btf_type *from = kernel_btf_type(all, id);
		struct btf_type *type = (struct btf_type *)at;

		if (!ids[id])
			continue;
		memcpy(type, from, size_of(from));
		for (uint32_t i = 0; (part = kernel_btf_inside(type, i)); i++)
			*part = ids[*part];
		end = move_names(all, type, strings, end);
		at += size_of(from);
	}
	return 0;
}
