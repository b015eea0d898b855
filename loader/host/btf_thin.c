// SPDX-License-Identifier: GPL-2.0-only
#include "host/btf_thin.h"

#include <errno.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HASHED 6 /* characters of a name */

struct growing {
	char *data;
	size_t used, room;
};

struct thinning {
	char *types; /* the section */
	size_t types_size;
	const char *strings; /* the section, behind that of the types */
	size_t strings_size;
	uint32_t *at; /* by a type's number: where it is in its section; 0 is void. One
		       * more: the end */
	bool *whole; /* by a type's number: it keeps all that it has */
	uint32_t n; /* numbers */
	struct growing todo; /* numbers of whole types whose parts are to be marked */
	struct growing kept; /* the strings that stay */
};

static size_t essential_length(const char *name)
{
	const char *flavor = strstr(name, "___");

	return flavor && flavor > name ? (size_t)(flavor - name) : strlen(name);
}

static uint32_t plain_kind(uint32_t kind)
{
	return kind == BTF_KIND_ENUM64 ? BTF_KIND_ENUM : kind;
}

struct bit {
	uint32_t word;
	uint64_t mask;
};

static struct bit bit_of_two(const char *text)
{
	uint32_t two = text[0] ? (uint32_t)(uint8_t)text[0] << 8 | (uint8_t)text[1] : 0;

	return (struct bit){ two / 64, 1ULL << two % 64 };
}

/* Up to where a flavor may begin. */
static struct bit bit_of_six(const char *text)
{
	uint32_t hash = 0;

	for (int i = 0; i < HASHED && text[i] && !(text[i] == '_' && text[i + 1] == '_'); i++)
		hash = hash * 31 + (uint8_t)text[i];
	return (struct bit){ hash / 64 % (1 << 8), 1ULL << hash % 64 };
}

static struct btf_name *find_name(struct btf_names *names, const char *text, uint32_t kind)
{
	struct bit two = bit_of_two(text), six;
	size_t len;

	if (!(names->twos[two.word] & two.mask))
		return NULL;
	six = bit_of_six(text);
	if (!(names->sixes[six.word] & six.mask))
		return NULL;
	len = essential_length(text);
	for (struct btf_name *name = names->list; name < names->list + names->n; name++)
		if (name->kind == kind && !strncmp(name->text, text, len) && !name->text[len])
			return name;
	return NULL;
}

int btf_names_add(struct btf_names *names, const char *text, uint32_t kind)
{
	struct bit two = bit_of_two(text), six = bit_of_six(text);
	struct btf_name *list;

	kind = plain_kind(kind);
	if (find_name(names, text, kind))
		return 0;
	list = realloc(names->list, (names->n + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	names->list = list;
	list += names->n;
	*list = (struct btf_name){ .text = strndup(text, essential_length(text)), .kind = kind };
	if (!list->text)
		return -ENOMEM;
	names->n++;
	names->twos[two.word] |= two.mask;
	names->sixes[six.word] |= six.mask;
	return 0;
}

void btf_names_free(struct btf_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i].text);
	free(names->list);
	memset(names, 0, sizeof(*names));
}

const char *btf_names_missing(const struct btf_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!names->list[i].number)
			return names->list[i].text;
	return NULL;
}

static int grow_by(struct growing *to, const void *data, size_t size)
{
	if (to->room - to->used < size) {
		size_t room = 2 * to->room + size;
		char *bigger = realloc(to->data, room);

		if (!bigger)
			return -ENOMEM;
		to->data = bigger;
		to->room = room;
	}
	memcpy(to->data + to->used, data, size);
	to->used += size;
	return 0;
}

static uint32_t kind_of(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info);
}

/* Bytes of each of the parts that follow a type of this kind, which it may lose. */
static size_t part_size(uint32_t kind)
{
	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return sizeof(struct btf_var_secinfo);
	}
	return 0;
}

/* Bytes of the one thing that follows a type of this kind. */
static size_t rest_size(uint32_t kind)
{
	switch (kind) {
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	}
	return 0;
}

static size_t whole_size(const struct btf_type *type)
{
	uint32_t kind = kind_of(type);

	return sizeof(*type) + BTF_INFO_VLEN(type->info) * part_size(kind) + rest_size(kind);
}

static struct btf_type *type_of(const struct thinning *t, uint32_t number)
{
	return (struct btf_type *)(t->types + t->at[number]);
}

static int mark(struct thinning *t, uint32_t number)
{
	if (number >= t->n)
		return -EINVAL;
	if (!number || t->whole[number])
		return 0;
	t->whole[number] = true;
	return grow_by(&t->todo, &number, sizeof(number));
}

/* Types of these kinds may be asked for by name. */
#define NAMED_KINDS                                                           \
	(1U << BTF_KIND_STRUCT | 1U << BTF_KIND_UNION | 1U << BTF_KIND_ENUM | \
	 1U << BTF_KIND_ENUM64 | 1U << BTF_KIND_TYPEDEF | 1U << BTF_KIND_FUNC)

static int mark_by_name(struct thinning *t, struct btf_names *names, uint32_t number)
{
	const struct btf_type *type = type_of(t, number);
	uint32_t kind = kind_of(type);
	struct btf_name *name;

	if (kind == BTF_KIND_INT) /* "long" tells libbpf how wide a pointer is */
		return mark(t, number);
	if (!(NAMED_KINDS >> kind & 1))
		return 0;
	name = find_name(names, t->strings + type->name_off, plain_kind(kind));
	if (!name)
		return 0;
	name->number = number;
	return mark(t, number);
}

/* Where each type is, if all are of known kinds and within the section. */
static int read_types(struct thinning *t)
{
	size_t most = t->types_size / sizeof(struct btf_type) + 2, at = 0, size;

	t->at = calloc(most, sizeof(*t->at));
	t->whole = calloc(most, sizeof(*t->whole));
	if (!t->at || !t->whole)
		return -ENOMEM;
	for (t->n = 1; at < t->types_size; at += size) {
		const struct btf_type *type = (struct btf_type *)(t->types + at);

		if (t->types_size - at < sizeof(*type) || kind_of(type) == BTF_KIND_UNKN ||
		    kind_of(type) > BTF_KIND_MAX)
			return -EINVAL;
		size = whole_size(type);
		if (t->types_size - at < size || type->name_off >= t->strings_size)
			return -EINVAL;
		t->at[t->n++] = (uint32_t)at;
	}
	t->at[t->n] = (uint32_t)at;
	return 0;
}

static int mark_members(struct thinning *t, const struct btf_type *type)
{
	const struct btf_member *members = (const struct btf_member *)(type + 1);
	int err = 0;

	for (uint32_t i = 0; !err && i < BTF_INFO_VLEN(type->info); i++)
		err = mark(t, members[i].type);
	return err;
}

static int mark_parameters(struct thinning *t, const struct btf_type *type)
{
	const struct btf_param *parameters = (const struct btf_param *)(type + 1);
	int err = mark(t, type->type);

	for (uint32_t i = 0; !err && i < BTF_INFO_VLEN(type->info); i++)
		err = mark(t, parameters[i].type);
	return err;
}

/* What a type has within it; not what it points to. */
static int mark_parts(struct thinning *t, const struct btf_type *type)
{
	switch (kind_of(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return mark_members(t, type);
	case BTF_KIND_FUNC_PROTO:
		return mark_parameters(t, type);
	case BTF_KIND_ARRAY:
		return mark(t, ((const struct btf_array *)(type + 1))->type);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_FUNC:
		return mark(t, type->type);
	}
	return 0;
}

static int mark_all(struct thinning *t, struct btf_names *names)
{
	int err = 0;

	for (uint32_t number = 1; !err && number < t->n; number++)
		err = mark_by_name(t, names, number);
	while (!err && t->todo.used) {
		uint32_t number;

		t->todo.used -= sizeof(number);
		memcpy(&number, t->todo.data + t->todo.used, sizeof(number));
		err = mark_parts(t, type_of(t, number));
	}
	return err;
}

static int keep_string(struct thinning *t, uint32_t *offset)
{
	const char *string = t->strings + *offset;

	if (*offset >= t->strings_size)
		return -EINVAL;
	if (!*string) {
		*offset = 0;
		return 0;
	}
	*offset = (uint32_t)t->kept.used;
	return grow_by(&t->kept, string, strlen(string) + 1);
}

/* Parts that have names begin with them. */
static int keep_strings(struct thinning *t, struct btf_type *type)
{
	size_t size = part_size(kind_of(type));
	char *part = (char *)(type + 1);
	int err = keep_string(t, &type->name_off);

	if (kind_of(type) == BTF_KIND_DATASEC)
		return err;
	for (uint32_t i = 0; !err && size && i < BTF_INFO_VLEN(type->info); i++, part += size)
		err = keep_string(t, (uint32_t *)part);
	return err;
}

/* Moves the types together, each to where it was or before that. Returns their size,
 * or -errno. */
static int64_t compact(struct thinning *t)
{
	size_t at = 0;

	for (uint32_t number = 1; number < t->n; number++) {
		struct btf_type *type = type_of(t, number);
		size_t size = t->at[number + 1] - t->at[number];

		if (t->whole[number]) {
			int err = keep_strings(t, type);

			if (err)
				return err;
		} else {
			type->name_off = 0;
			if (size > sizeof(*type) && part_size(kind_of(type))) {
				type->info &= ~0xffffU; /* no parts */
				size = sizeof(*type);
			}
		}
		if (size == sizeof(*type)) /* nearly all */
			*(struct btf_type *)(t->types + at) = *type;
		else
			memmove(t->types + at, type, size);
		at += size;
	}
	return (int64_t)at;
}

/* The sections in the order in which the kernel has them. */
static int find_sections(struct thinning *t, char *raw, size_t size)
{
	struct btf_header header;
	size_t types, strings;

	if (size < sizeof(header))
		return -EINVAL;
	memcpy(&header, raw, sizeof(header));
	types = (size_t)header.hdr_len + header.type_off;
	strings = (size_t)header.hdr_len + header.str_off;
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION || header.flags ||
	    header.hdr_len < sizeof(header) || types % sizeof(uint32_t) || types > size ||
	    header.type_len > size - types || strings < types + header.type_len || strings > size ||
	    !header.str_len || header.str_len > size - strings)
		return -EINVAL;
	t->types = raw + types;
	t->types_size = header.type_len;
	t->strings = raw + strings;
	t->strings_size = header.str_len;
	return t->strings[0] || t->strings[header.str_len - 1] ? -EINVAL : 0;
}

static int put_together(struct thinning *t, char **raw, size_t *size, size_t types_size)
{
	struct btf_header header = { .magic = BTF_MAGIC, .version = BTF_VERSION };
	char *new;

	header.hdr_len = sizeof(header);
	header.type_len = header.str_off = (uint32_t)types_size;
	header.str_len = (uint32_t)t->kept.used;
	memcpy(*raw, &header, sizeof(header));
	memmove(*raw + sizeof(header), t->types, types_size);
	*size = sizeof(header) + types_size + t->kept.used;
	new = realloc(*raw, *size);
	if (!new)
		return -ENOMEM;
	memcpy(new + sizeof(header) + types_size, t->kept.data, t->kept.used);
	*raw = new;
	return 0;
}

int btf_thin(char **raw, size_t *size, struct btf_names *names)
{
	struct thinning t = { 0 };
	int64_t types_size = 0;
	int err = find_sections(&t, *raw, *size);

	for (size_t i = 0; i < names->n; i++)
		names->list[i].number = 0;
	if (!err)
		err = read_types(&t);
	if (!err)
		err = mark_all(&t, names);
	if (!err)
		err = grow_by(&t.kept, "", 1);
	if (!err)
		types_size = compact(&t);
	if (!err && types_size < 0)
		err = (int)types_size;
	if (!err)
		err = put_together(&t, raw, size, (size_t)types_size);
	free(t.at);
	free(t.whole);
	free(t.todo.data);
	free(t.kept.data);
	return err;
}
