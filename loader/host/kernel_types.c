// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel_types.h"
#include "host/btf_thin.h"
#include "report.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"
#define OWN "mma_" /* what types of ours begin with, which no kernel has */

/* As the linker names them, for --wrap. */
struct btf *types_for_libbpf(void) __asm__("__wrap_btf__load_vmlinux_btf");
struct btf *all_types(void) __asm__("__real_btf__load_vmlinux_btf");

/* What is asked for; nothing: all. */
static struct btf_names wanted;
static char wanted_by[16]; /* the object's name */
/* What was made for it, for the next load. */
static char *made;
static size_t made_size;

/* libbpf has made a global function of one that is external. */
static bool is_kernels_function(const struct bpf_object *object, const struct btf_type *type,
				const char *name)
{
	return btf_is_func(type) && btf_vlen(type) != BTF_FUNC_STATIC &&
	       !bpf_object__find_program_by_name(object, name);
}

static int want_types(const struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	int err = 0;

	for (uint32_t i = 1; !err && i < btf__type_cnt(btf); i++) {
		const struct btf_type *type = btf__type_by_id(btf, i);
		const char *name = btf__name_by_offset(btf, type->name_off);

		if (!name || !*name || !strncmp(name, OWN, strlen(OWN)))
			continue;
		if (btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type) ||
		    is_kernels_function(object, type, name))
			err = btf_names_add(&wanted, name, btf_kind(type));
	}
	return err;
}

/* What the programs sit on: "fentry/function", "tp_btf/tracepoint". */
static int want_targets(const struct bpf_object *object)
{
	struct bpf_program *program = NULL;
	int err = 0;

	while (!err && (program = bpf_object__next_program(object, program))) {
		const char *section = bpf_program__section_name(program);
		const char *target = strchr(section, '/');
		char tracepoint[128];

		if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING || !target++)
			continue;
		if (bpf_program__expected_attach_type(program) != BPF_TRACE_RAW_TP) {
			err = btf_names_add(&wanted, target, BTF_KIND_FUNC);
			continue;
		}
		snprintf(tracepoint, sizeof(tracepoint), "btf_trace_%s", target);
		err = btf_names_add(&wanted, tracepoint, BTF_KIND_TYPEDEF);
	}
	return err;
}

void kernel_types_for(const struct bpf_object *object)
{
	const char *name = bpf_object__name(object);

	if (!strcmp(wanted_by, name))
		return;
	snprintf(wanted_by, sizeof(wanted_by), "%s", name);
	free(made);
	made = NULL;
	btf_names_free(&wanted);
	if (want_types(object) || want_targets(object))
		btf_names_free(&wanted);
}

static int read_types_file(int fd, char **ret, size_t *ret_size)
{
	struct stat stat;
	size_t size, got = 0;
	ssize_t n = 1;

	if (fstat(fd, &stat) || stat.st_size <= 0)
		return -1;
	size = (size_t)stat.st_size;
	*ret = malloc(size);
	if (!*ret)
		return -1;
	while (got < size && n > 0) {
		n = read(fd, *ret + got, size - got);
		got += n > 0 ? (size_t)n : 0;
	}
	*ret_size = got;
	return got == size ? 0 : -1;
}

/* NULL: something is odd. To be freed. */
static char *make_thin(struct btf_names *names, size_t *ret_size)
{
	int fd = open(VMLINUX_BTF, O_RDONLY | O_CLOEXEC), err;
	char *raw = NULL;

	if (fd < 0)
		return NULL;
	err = read_types_file(fd, &raw, ret_size);
	close(fd);
	if (!err && !btf_thin(&raw, ret_size, names))
		return raw;
	free(raw);
	return NULL;
}

static struct btf *thin_types(void)
{
	const char *missing;

	if (!made)
		made = make_thin(&wanted, &made_size);
	if (!made) {
		detail("the kernel's types cannot be read in part: libbpf reads them all");
		return NULL;
	}
	missing = btf_names_missing(&wanted);
	if (!missing) /* else a module may have it */
		return btf__new(made, (uint32_t)made_size);
	detail("%s: not among the kernel's types: libbpf reads them all", missing);
	return NULL;
}

struct btf *types_for_libbpf(void)
{
	struct btf *btf = wanted.n ? thin_types() : NULL;

	return btf ? btf : all_types();
}

static uint32_t function_of_all(const char *name)
{
	struct btf *btf = all_types();
	int number = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) : 0;

	btf__free(btf);
	return number > 0 ? (uint32_t)number : 0;
}

uint32_t kernel_types_function(const char *name)
{
	static struct btf_names asked; /* kept: reading all types takes time */
	struct btf_name *last;
	char *thin;
	size_t size;

	for (size_t i = 0; i < asked.n; i++)
		if (!strcmp(asked.list[i].text, name))
			return asked.list[i].number;
	free(made); /* both at once are too much */
	made = NULL;
	if (btf_names_add(&asked, name, BTF_KIND_FUNC))
		return function_of_all(name);
	thin = make_thin(&asked, &size);
	last = &asked.list[asked.n - 1];
	if (!thin)
		last->number = function_of_all(name);
	free(thin);
	return last->number;
}
