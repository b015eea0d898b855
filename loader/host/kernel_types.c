// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel_types.h"
#include "host/kernel_btf.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define WANTED UINT32_MAX /* a mark, until kernel_btf_copy() assigns the new id */

/* A type that we look for. */
struct asked {
	char *name;
	uint32_t kind; /* BTF_KIND_…; ENUM includes ENUM64 */
	uint32_t id; /* BTF id of the first type of this name; 0: none, or not searched yet */
};

static struct asked *asked;
static size_t n_asked, n_looked_for;
static struct kernel_btf *all; /* from a search until kernel_types_forget() */

static int hold_all(void)
{
	return all ? 0 : kernel_btf_read(&all);
}

void kernel_types_forget(void)
{
	kernel_btf_free(all);
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

int kernel_types_ask(const char *name, size_t length, uint32_t kind)
{
	char *text = strndup(name, length);
	struct asked *list;

	if (!text)
		return -ENOMEM;
	if (asked_for(text, kind)) {
		free(text);
		return 0;
	}
	list = realloc(asked, (n_asked + 1) * sizeof(*asked));
	if (!list) {
		free(text);
		return -ENOMEM;
	}
	asked = list;
	asked[n_asked++] = (struct asked){ text, kind, 0 };
	return 0;
}

/* So that asked_for() finds by bsearch() what a search is about to answer. */
static void sort_asked(void)
{
	qsort(asked, n_asked, sizeof(*asked), compare);
	n_looked_for = n_asked;
}

/* Marks a type, and those that it contains by value. */
static void want(uint32_t id, uint32_t *ids)
{
	struct btf_type *type;
	uint32_t *part;

	if (!id || ids[id])
		return;
	ids[id] = WANTED;
	type = (struct btf_type *)kernel_btf_type(all, id);
	if (btf_is_ptr(type))
		return;
	for (uint32_t i = 0; (part = kernel_btf_inside(type, i)); i++)
		want(*part, ids);
}

/* Searches all types once, for everything in `asked`. ids: NULL, or an array by BTF id, all 0,
 * in which this marks the types that it finds, except functions, and what they contain. */
static void go_through(uint32_t *ids)
{
	uint32_t kinds = 0, n = kernel_btf_count(all);

	sort_asked();
	for (size_t i = 0; i < n_asked; i++)
		kinds |= 1U << asked[i].kind;
	for (uint32_t id = 1; id < n; id++) {
		const struct btf_type *type = kernel_btf_type(all, id);
		struct asked *one = NULL;

		if (kinds & 1U << plain_kind(type))
			one = asked_for(kernel_btf_name(all, type), plain_kind(type));
		if (!one)
			continue;
		if (!one->id)
			one->id = id;
		if (ids && !btf_is_func(type))
			want(id, ids);
	}
}

/* The same by libbpf, without marks: a newer kernel may have kinds of types that kernel_btf.c does
 * not know, and a newer libbpf may know them. */
static int ask_libbpf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -errno;
	sort_asked();
	for (size_t i = 0; i < n_asked; i++) {
		int id = btf__find_by_name_kind(btf, asked[i].name, asked[i].kind);

		asked[i].id = id > 0 ? (uint32_t)id : 0;
	}
	btf__free(btf);
	return 0;
}

/* Returns 0 or -errno. If there are no types that we may read, nothing is found. */
static int search(void)
{
	int err = hold_all();

	if (!err)
		go_through(NULL);
	if (err == -EINVAL)
		err = ask_libbpf();
	return err == -ENOENT || err == -EACCES ? 0 : err;
}

const char *kernel_types_missing(void)
{
	for (size_t i = 0; i < n_looked_for; i++)
		if (!asked[i].id && asked[i].kind != BTF_KIND_FUNC)
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
static int write_file(const void *data, size_t size, char *ret_path, size_t path_size)
{
	int fd = memfd_create("kernel types", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0)
		return -errno;
	snprintf(ret_path, path_size, "/proc/self/fd/%d", fd);
	if (may_write(size) && write(fd, data, size) == (ssize_t)size && !access(ret_path, R_OK))
		return 0;
	close(fd);
	return -EIO;
}

int kernel_types_file(char *ret_path, size_t path_size)
{
	uint32_t *ids = NULL;
	void *few = NULL;
	size_t size = 0;
	int err = hold_all();

	if (!err) {
		ids = calloc(kernel_btf_count(all), sizeof(*ids));
		err = ids ? 0 : -ENOMEM;
	}
	if (!err) {
		go_through(ids);
		err = kernel_types_missing() ? -ENOENT : 0; /* a module may have it */
	}
	if (!err)
		err = kernel_btf_copy(all, ids, &few, &size);
	if (!err)
		err = write_file(few, size, ret_path, path_size);
	free(few);
	free(ids);
	return err;
}

int kernel_types_id(const char *name, uint32_t kind, uint32_t *ret_id)
{
	const struct asked *one;
	int err = asked_for(name, kind) ? 0 : kernel_types_ask(name, strlen(name), kind);

	if (!err && n_looked_for < n_asked)
		err = search();
	one = err ? NULL : asked_for(name, kind);
	*ret_id = one ? one->id : 0;
	return err;
}

uint32_t kernel_types_function(const char *name)
{
	uint32_t id;

	kernel_types_id(name, BTF_KIND_FUNC, &id);
	return id;
}
