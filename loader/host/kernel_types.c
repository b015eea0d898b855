// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel_types.h"
#include "report.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define OWN "mma_" /* prefix of our own types, which no kernel has */
#define NUMBER_OF "number_of_"
#define WANTED UINT32_MAX /* a mark, until pick() assigns the new id */

/* A type that we look for. */
struct asked {
	char *name; /* without a CO-RE flavor ("___…") */
	uint32_t kind; /* BTF_KIND_…; ENUM includes ENUM64 */
	uint32_t number; /* BTF id of the first type of this name; 0: none, or not searched yet */
};

static struct asked *asked;
static size_t n_asked, n_looked_for;
/* All of the kernel's types, from the first search until an object is about to be loaded: from
 * then on libbpf holds them. */
static struct btf *all;

static int hold_all(void)
{
	if (!all)
		all = btf__load_vmlinux_btf();
	return all ? 0 : -errno;
}

static void forget_all(void)
{
	btf__free(all);
	all = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct asked *one = a, *other = b;

	return one->kind == other->kind ? strcmp(one->name, other->name)
					: (int)one->kind - (int)other->kind;
}

static uint32_t plain_kind(const struct btf_type *type)
{
	return btf_is_any_enum(type) ? BTF_KIND_ENUM : btf_kind(type);
}

static struct asked *asked_for(const char *name, uint32_t kind)
{
	struct asked key = { .name = (char *)name, .kind = kind };

	for (size_t i = n_looked_for; i < n_asked; i++)
		if (!compare(&key, &asked[i]))
			return &asked[i];
	return n_looked_for ? bsearch(&key, asked, n_looked_for, sizeof(*asked), compare) : NULL;
}

static int ask(const char *name, size_t length, uint32_t kind)
{
	struct asked *list = realloc(asked, (n_asked + 1) * sizeof(*asked));
	char *text = strndup(name, length);

	if (list)
		asked = list;
	if (!list || !text) {
		free(text);
		return -ENOMEM;
	}
	if (asked_for(text, kind))
		free(text);
	else
		asked[n_asked++] = (struct asked){ text, kind, 0 };
	return 0;
}

/* The i-th reference of a type to another type, or NULL. */
static uint32_t *inside(struct btf_type *type, uint32_t i)
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

/* Marks a type, and those that it contains by value. */
static void want(uint32_t number, uint32_t *numbers)
{
	struct btf_type *type = (struct btf_type *)btf__type_by_id(all, number);
	uint32_t *part;

	if (!number || numbers[number])
		return;
	numbers[number] = WANTED;
	if (btf_is_ptr(type))
		return;
	for (uint32_t i = 0; (part = inside(type, i)); i++)
		want(*part, numbers);
}

/* Searches all types once, for everything in `asked`. numbers: NULL, or an array by BTF id, all 0,
 * in which this marks the types that it finds, except functions, and what they contain. */
static void go_through(uint32_t *numbers)
{
	uint32_t kinds = 0, n = btf__type_cnt(all);

	qsort(asked, n_asked, sizeof(*asked), compare);
	n_looked_for = n_asked;
	for (size_t i = 0; i < n_asked; i++)
		kinds |= 1U << asked[i].kind;
	for (uint32_t number = 1; number < n; number++) {
		const struct btf_type *type = btf__type_by_id(all, number);
		struct asked *one = NULL;

		if (kinds & 1U << plain_kind(type))
			one = asked_for(btf__name_by_offset(all, type->name_off), plain_kind(type));
		if (!one)
			continue;
		if (!one->number)
			one->number = number;
		if (numbers && !btf_is_func(type))
			want(number, numbers);
	}
}

/* Copies the marked types, which get new ids. A pointer to any other type becomes a void *. */
static struct btf *pick(uint32_t *numbers)
{
	struct btf *few = btf__new_empty();
	uint32_t n = btf__type_cnt(all), *part;
	int number = 0;

	for (uint32_t i = 1; few && number >= 0 && i < n; i++) {
		if (!numbers[i])
			continue;
		number = btf__add_type(few, all, btf__type_by_id(all, i));
		numbers[i] = (uint32_t)number;
	}
	if (!few || number < 0) {
		btf__free(few);
		return NULL;
	}
	for (uint32_t i = 1; i < btf__type_cnt(few); i++) {
		struct btf_type *type = (struct btf_type *)btf__type_by_id(few, i);

		for (uint32_t j = 0; (part = inside(type, j)); j++)
			*part = numbers[*part];
	}
	return few;
}

/* Asks for every kernel type that the object names. */
static int ask_for_all_of(const struct btf *btf)
{
	int err = 0;

	for (uint32_t i = 1; !err && i < btf__type_cnt(btf); i++) {
		const struct btf_type *type = btf__type_by_id(btf, i);
		const char *name = btf__name_by_offset(btf, type->name_off), *flavor;

		if (!name || !*name || !strncmp(name, OWN, strlen(OWN)))
			continue;
		if (!btf_is_composite(type) && !btf_is_any_enum(type) && !btf_is_typedef(type))
			continue;
		flavor = strstr(name, "___");
		err = ask(name, flavor ? (size_t)(flavor - name) : strlen(name), plain_kind(type));
	}
	return err;
}

static const char *missing(void)
{
	for (size_t i = 0; i < n_asked; i++)
		if (!asked[i].number && asked[i].kind != BTF_KIND_FUNC)
			return asked[i].name;
	return NULL;
}

/* A write beyond RLIMIT_FSIZE kills the process with SIGXFSZ, in a file in memory, too. */
static bool may_write(size_t size)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_FSIZE, &limit) && size <= limit.rlim_cur;
}

/* Writes a file in memory, which lasts as long as the process. */
static int write_file(const struct btf *few, char *ret_path, size_t path_size)
{
	int fd = memfd_create("kernel types", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	uint32_t size = 0;
	const void *data = few ? btf__raw_data(few, &size) : NULL;

	if (fd < 0)
		return -errno;
	snprintf(ret_path, path_size, "/proc/self/fd/%d", fd);
	if (data && may_write(size) && write(fd, data, size) == (ssize_t)size &&
	    !access(ret_path, R_OK))
		return 0;
	close(fd);
	return -EIO;
}

static int make_file(const struct btf *names, char *ret_path, size_t path_size)
{
	int err = ask_for_all_of(names);
	uint32_t *numbers = NULL;
	struct btf *few = NULL;

	if (!err)
		err = hold_all();
	if (!err) {
		numbers = calloc(btf__type_cnt(all), sizeof(*numbers));
		err = numbers ? 0 : -ENOMEM;
	}
	if (!err) {
		go_through(numbers);
		err = missing() ? -ENOENT : 0; /* a module may have it */
	}
	if (!err) {
		few = pick(numbers);
		err = write_file(few, ret_path, path_size);
	}
	btf__free(few);
	free(numbers);
	return err;
}

const char *kernel_types_for(const void *elf, size_t size)
{
	static const void *made_for;
	static char path[32];
	struct bpf_object *object;
	int err;

	if (made_for == elf)
		return *path ? path : NULL;
	made_for = elf;
	object = bpf_object__open_mem(elf, size, NULL);
	err = object ? make_file(bpf_object__btf(object), path, sizeof(path)) : -errno;
	bpf_object__close(object);
	forget_all();
	if (!err)
		return path;
	*path = '\0';
	if (err == -ENOENT && missing())
		detail("%s: not among the kernel's types; libbpf searches those of modules, too",
		       missing());
	else
		detail("the kernel's types cannot be reduced (%s); libbpf searches all of them",
		       strerror(-err));
	return NULL;
}

/* Returns 0 or -errno. ret_number: the type's BTF id; 0 if there is none. */
static int number_of(const char *name, uint32_t kind, uint32_t *ret_number)
{
	const struct asked *one;
	int err = asked_for(name, kind) ? 0 : ask(name, strlen(name), kind);

	if (!err && n_looked_for < n_asked) {
		err = hold_all();
		if (!err)
			go_through(NULL);
	}
	one = err ? NULL : asked_for(name, kind);
	*ret_number = one ? one->number : 0;
	return err;
}

uint32_t kernel_types_function(const char *name)
{
	uint32_t number;

	number_of(name, BTF_KIND_FUNC, &number);
	return number;
}

/* The object's .rodata, which the loader may write until the load. */
static char *constants_of(const struct bpf_object *object)
{
	static const char end[] = ".rodata";
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map), *at = strstr(name, end);

		if (at && !strcmp(at, end))
			return bpf_map__initial_value(map, &size);
	}
	return NULL;
}

int kernel_types_number(const struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	int section = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC), err = 0;
	const struct btf_type *type = btf__type_by_id(btf, section > 0 ? (uint32_t)section : 0);
	char *constants = constants_of(object);

	for (uint32_t i = 0; !err && constants && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *place = &btf_var_secinfos(type)[i];
		const struct btf_type *variable = btf__type_by_id(btf, place->type);
		const char *name = btf__name_by_offset(btf, variable->name_off);

		if (strncmp(name, NUMBER_OF, strlen(NUMBER_OF)))
			continue;
		err = number_of(name + strlen(NUMBER_OF), BTF_KIND_STRUCT,
				(uint32_t *)(constants + place->offset));
	}
	forget_all();
	return err;
}
