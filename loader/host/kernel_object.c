// SPDX-License-Identifier: GPL-2.0-only
#include "host/kernel_object.h"
#include "host/kernel_types.h"
#include "kernel_calls.h"
#include "report.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN "mma_" /* prefix of our own types, which no kernel has */
#define NUMBER_OF "number_of_"

static const struct {
	int32_t number; /* in the object */
	const char *function;
} calls[] = {
	{ MMA_CALL_RDONLY_CAST, "bpf_rdonly_cast" },
	{ MMA_CALL_CAST_TO_KERN_CTX, "bpf_cast_to_kern_ctx" },
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

/* Sections of programs that are attached to something that has a type. */
static const struct {
	const char *prefix;
	enum bpf_attach_type attach_type;
	bool tracepoint; /* its type is the typedef btf_trace_NAME */
} kinds[] = {
	{ "fmod_ret/", BPF_MODIFY_RETURN, false },
	{ "fentry/", BPF_TRACE_FENTRY, false },
	{ "fexit/", BPF_TRACE_FEXIT, false },
	{ "tp_btf/", BPF_TRACE_RAW_TP, true },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct target {
	char name[128];
	uint32_t kind; /* BTF_KIND_… */
};

/* What a program is attached to. false: nothing that has a type. */
static bool target_of(const struct bpf_program *program, struct target *ret)
{
	const char *section = bpf_program__section_name(program);

	for (size_t i = 0; i < N_KINDS; i++) {
		size_t length = strlen(kinds[i].prefix);

		if (strncmp(section, kinds[i].prefix, length))
			continue;
		snprintf(ret->name, sizeof(ret->name), "%s%s",
			 kinds[i].tracepoint ? "btf_trace_" : "", section + length);
		ret->kind = kinds[i].tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC;
		return true;
	}
	return false;
}

static int ask_for_types(const struct btf *btf)
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
		err = kernel_types_ask(name, flavor ? (size_t)(flavor - name) : strlen(name),
				       btf_is_any_enum(type) ? BTF_KIND_ENUM : btf_kind(type));
	}
	return err;
}

static int ask_for_functions(const struct bpf_object *object)
{
	struct bpf_program *program;
	struct target target;
	int err = 0;

	for (size_t i = 0; !err && i < N_CALLS; i++)
		err = kernel_types_ask(calls[i].function, strlen(calls[i].function), BTF_KIND_FUNC);
	bpf_object__for_each_program(program, object)
	{
		if (!err && target_of(program, &target))
			err = kernel_types_ask(target.name, strlen(target.name), target.kind);
	}
	return err;
}

static int make_file(const void *elf, size_t size, char *ret_path, size_t path_size)
{
	struct bpf_object *object = bpf_object__open_mem(elf, size, NULL);
	int err = object ? ask_for_types(bpf_object__btf(object)) : -errno;

	if (!err)
		err = ask_for_functions(object);
	bpf_object__close(object);
	if (!err)
		err = kernel_types_file(ret_path, path_size);
	kernel_types_forget();
	return err;
}

const char *kernel_object_types(const void *elf, size_t size)
{
	static const void *made_for;
	static char path[32];
	int err;

	if (made_for == elf)
		return *path ? path : NULL;
	made_for = elf;
	err = make_file(elf, size, path, sizeof(path));
	if (!err)
		return path;
	*path = '\0';
	if (err == -ENOENT && kernel_types_missing())
		detail("%s: not among the kernel's types; libbpf searches those of modules, too",
		       kernel_types_missing());
	else
		detail("the kernel's types cannot be reduced (%s); libbpf searches all of them",
		       strerror(-err));
	return NULL;
}

static bool is_call(const struct bpf_insn *insn, int32_t number)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && !insn->dst_reg &&
	       !insn->off && insn->imm == number;
}

static int set_call(struct bpf_insn *insn)
{
	uint32_t id;
	int err;

	for (size_t i = 0; i < N_CALLS; i++) {
		if (!is_call(insn, calls[i].number))
			continue;
		err = kernel_types_id(calls[i].function, BTF_KIND_FUNC, &id);
		insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
		insn->imm = (int32_t)id;
		return err;
	}
	return 0;
}

int kernel_object_with_calls(const void *elf, size_t size, void **ret)
{
	struct bpf_insn *copy = malloc(size); /* sections of programs are aligned to instructions */
	int err = copy ? 0 : -ENOMEM;

	if (copy)
		memcpy(copy, elf, size);
	for (size_t i = 0; !err && i < size / sizeof(*copy); i++)
		err = set_call(&copy[i]);
	kernel_types_forget();
	if (err)
		free(copy);
	else
		*ret = copy;
	return err;
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

int kernel_object_number(const struct bpf_object *object)
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
		err = kernel_types_id(name + strlen(NUMBER_OF), BTF_KIND_STRUCT,
				      (uint32_t *)(constants + place->offset));
	}
	kernel_types_forget();
	return err;
}

/* libbpf calls this just before it loads the program. */
static int set_target(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	struct target target;
	int err;

	(void)cookie;
	if (!target_of(program, &target))
		return -EINVAL;
	err = kernel_types_id(target.name, target.kind, &opts->attach_btf_id);
	if (!err && !opts->attach_btf_id) {
		report_as_libbpf("prog '%s': this kernel has no %s\n", bpf_program__name(program),
				 target.name);
		err = -ESRCH;
	}
	return err ? err : bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

int kernel_object_handlers(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = set_target);
	static bool registered;
	int err = 0;

	for (size_t i = 0; !registered && err >= 0 && i < N_KINDS; i++)
		/* Not yet of the type BPF_PROG_TYPE_TRACING: for that one, libbpf reads all of the
		 * kernel's types when it begins to load the object. */
		err = libbpf_register_prog_handler(kinds[i].prefix, BPF_PROG_TYPE_RAW_TRACEPOINT,
						   kinds[i].attach_type, &opts);
	registered = err >= 0;
	return err < 0 ? err : 0;
}
