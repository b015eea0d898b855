// SPDX-License-Identifier: GPL-2.0-only
/* The few types that the loader passes to libbpf, and the ids that it sets: the programs are
 * the same as with all of the kernel's types. */
#include "suite.h"
#include "object.h"
#include "prepared.h"
#include "host/kernel_btf.h"
#include "host/kernel_types.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROGRAMS 64
#define ALL "/sys/kernel/btf/vmlinux"

struct made {
	char *name;
	struct bpf_insn *insns;
	size_t n;
};

static const char *types_for(const char *file)
{
	size_t size;
	const void *elf = whole_file(file, &size);

	assert_non_null(elf);
	return kernel_object_types(elf, size); /* which stays mapped: it is remembered */
}

/* Each load has other map descriptors. */
static void forget_maps(struct made *made)
{
	for (size_t i = 0; i < made->n; i++)
		if (made->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && made->insns[i].src_reg)
			made->insns[i].imm = 0;
}

static size_t make_all(const char *types, struct made made[MAX_PROGRAMS])
{
	struct bpf_object *object = load_product_by(types);
	struct bpf_program *program;
	size_t n = 0;

	bpf_object__for_each_program(program, object)
	{
		struct made *one = &made[n];

		if (!bpf_program__autoload(program))
			continue;
		assert_in_range(n++, 0, MAX_PROGRAMS - 1);
		one->name = strdup(bpf_program__name(program));
		one->n = bpf_program__insn_cnt(program);
		one->insns = calloc(one->n, sizeof(*one->insns));
		assert_non_null(one->insns);
		memcpy(one->insns, bpf_program__insns(program), one->n * sizeof(*one->insns));
		forget_maps(one);
	}
	bpf_object__close(object);
	return n;
}

static void free_all(struct made *made, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(made[i].name);
		free(made[i].insns);
	}
}

static void the_same_programs(void **state)
{
	static struct made by_all[MAX_PROGRAMS], by_few[MAX_PROGRAMS];
	struct stat all, few;
	const char *types;
	size_t n;

	(void)state;
	need_bpf();
	types = types_for(PRODUCT_OBJECT);
	assert_non_null(types);
	assert_int_equal(stat(ALL, &all), 0);
	assert_int_equal(stat(types, &few), 0);
	show("%lld bytes of types instead of %lld", (long long)few.st_size, (long long)all.st_size);
	assert_in_range(few.st_size, 1, all.st_size / 10);
	n = make_all(NULL, by_all);
	assert_in_range(n, 5, MAX_PROGRAMS);
	assert_int_equal(make_all(types, by_few), n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(by_few[i].name, by_all[i].name);
		assert_int_equal(by_few[i].n, by_all[i].n);
		assert_memory_equal(by_few[i].insns, by_all[i].insns,
				    by_all[i].n * sizeof(*by_all[i].insns));
	}
	free_all(by_all, n);
	free_all(by_few, n);
}

static struct btf *need_types(void)
{
	struct btf *all = btf__parse(ALL, NULL);

	if (!all)
		skip_because("this kernel does not tell its types");
	return all;
}

/* Each type where libbpf finds it, and in the copy what libbpf copies. */
static void as_libbpf_reads_them(void **state)
{
	struct btf *theirs = need_types(), *copied;
	struct kernel_btf *ours = NULL;
	uint32_t count = btf__type_cnt(theirs), *ids = calloc(count, sizeof(*ids)), last = 0;
	size_t size;
	void *file;

	(void)state;
	assert_int_equal(kernel_btf_read(&ours), 0);
	assert_int_equal(kernel_btf_count(ours), count);
	assert_non_null(ids);
	for (uint32_t id = 1; id < count; id++) {
		const struct btf_type *one = kernel_btf_type(ours, id),
				      *other = btf__type_by_id(theirs, id);

		assert_memory_equal(one, other, sizeof(*one));
		assert_string_equal(kernel_btf_name(ours, one),
				    btf__name_by_offset(theirs, other->name_off));
		ids[id] = btf_is_struct(one) || btf_is_enum(one) || btf_is_enum64(one);
	}
	assert_int_equal(kernel_btf_copy(ours, ids, &file, &size), 0);
	copied = btf__new(file, (uint32_t)size);
	assert_non_null(copied);
	for (uint32_t id = 1; id < count; id++) {
		const struct btf_type *one = btf__type_by_id(theirs, id), *other;

		if (!ids[id])
			continue;
		other = btf__type_by_id(copied, ids[id]);
		assert_int_equal(ids[id], ++last);
		assert_int_equal(one->info, other->info);
		assert_int_equal(one->size, other->size);
		assert_string_equal(btf__name_by_offset(theirs, one->name_off),
				    btf__name_by_offset(copied, other->name_off));
		for (uint32_t i = 0; btf_is_struct(one) && i < btf_vlen(one); i++) {
			const struct btf_member *from = &btf_members(one)[i],
						*to = &btf_members(other)[i];

			assert_int_equal(from->offset, to->offset);
			assert_int_equal(ids[from->type], to->type);
			assert_string_equal(btf__name_by_offset(theirs, from->name_off),
					    btf__name_by_offset(copied, to->name_off));
		}
		for (uint32_t i = 0; btf_is_enum(one) && i < btf_vlen(one); i++)
			assert_string_equal(
				btf__name_by_offset(theirs, btf_enum(one)[i].name_off),
				btf__name_by_offset(copied, btf_enum(other)[i].name_off));
	}
	assert_int_equal(btf__type_cnt(copied), last + 1);
	assert_in_range(last, 1000, count);
	btf__free(copied);
	btf__free(theirs);
	kernel_btf_free(ours);
	free(ids);
	free(file);
}

/* The loader sets the ids; reads them in the order in which the compiler laid out the
 * source. */
static void numbers(void **state)
{
	static const char *const names[] = { "list_head", "sock",	"inet_sock",
					     "tcp_sock",  "mptcp_sock", "mptcp_pernet" };
	struct bpf_object *object = open_prepared(PRODUCT_OBJECT, NULL);
	struct btf *all = need_types();
	const uint32_t *set = NULL;
	struct bpf_map *map;
	size_t size = 0;

	(void)state;
	assert_non_null(object);
	bpf_object__for_each_map(map, object) if (strstr(bpf_map__name(map), ".rodata")) set =
		bpf_map__initial_value(map, &size);
	assert_in_range(size, sizeof(*set) * ARRAY_SIZE(names), SIZE_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(set[i], btf__find_by_name_kind(all, names[i], BTF_KIND_STRUCT));
	bpf_object__close(object);
	btf__free(all);
}

static void functions(void **state)
{
	struct btf *all = need_types();

	(void)state;
	assert_int_equal(kernel_types_function("tcp_connect"),
			 btf__find_by_name_kind(all, "tcp_connect", BTF_KIND_FUNC));
	assert_int_equal(kernel_types_function("tcp_connect_to_nothing"), 0);
	assert_int_equal(kernel_types_function("sock"), 0);
	btf__free(all);
}

/* Each call of a kernel function has its id, and they are those that the programs declare. */
static void calls(void **state)
{
	struct bpf_object *object = load_product();
	struct btf *all = need_types();
	size_t n_cast = 0, n_context = 0;
	struct bpf_program *program;

	(void)state;
	bpf_object__for_each_program(program, object)
	{
		const struct bpf_insn *insns = bpf_program__insns(program);

		for (size_t i = 0; i < bpf_program__insn_cnt(program); i++) {
			const struct btf_type *function;
			const char *name;

			if (insns[i].code != (BPF_JMP | BPF_CALL) ||
			    insns[i].src_reg != BPF_PSEUDO_KFUNC_CALL)
				continue;
			function = btf__type_by_id(all, (uint32_t)insns[i].imm);
			name = btf__name_by_offset(all, function->name_off);
			assert_true(btf_is_func(function));
			n_cast += !strcmp(name, "bpf_rdonly_cast");
			n_context += !strcmp(name, "bpf_cast_to_kern_ctx");
		}
	}
	assert_in_range(n_cast, 1, 1000);
	assert_in_range(n_context, 1, 1000);
	bpf_object__close(object);
	btf__free(all);
}

/* As in a chroot, where libbpf could not open the file. */
static void without_proc(void **state)
{
	int status;
	pid_t child;

	(void)state;
	need_bpf();
	child = fork();
	if (!child) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/proc", "tmpfs", 0, NULL))
			_exit(2);
		_exit(types_for(PRODUCT_OBJECT) != NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 2)
		skip_because("no mount namespaces");
	assert_int_equal(status, 0);
}

/* Comes last, because requested types stay requested. */
static void unknown_type(void **state)
{
	(void)state;
	need_bpf();
	assert_null(types_for(UNKNOWN_OBJECT));
}

int main(void)
{
	static struct suite suite;

	add_test(&suite, "the same programs", the_same_programs, NULL);
	add_test(&suite, "every type as libbpf reads it", as_libbpf_reads_them, NULL);
	add_test(&suite, "the numbers in read-only data", numbers, NULL);
	add_test(&suite, "the functions that programs call", calls, NULL);
	add_test(&suite, "the number of a function", functions, NULL);
	add_test(&suite, "without /proc libbpf reads all", without_proc, NULL);
	add_test(&suite, "with a type that is not there libbpf reads all", unknown_type, NULL);
	return run_suite("types", &suite);
}
