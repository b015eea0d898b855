// SPDX-License-Identifier: GPL-2.0-only
/* The few types that the loader passes to libbpf, and the ids that it sets: the programs are
 * the same as with all of the kernel's types. */
#include "suite.h"
#include "object.h"
#include "prepared.h"
#include "host/kernel_btf.h"
#include "host/kernel_types.h"
#include "kernel_calls.h"

#include <bpf/btf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROGRAMS 64

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
	assert_int_equal(stat(VMLINUX_BTF, &all), 0);
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
	struct btf *all = btf__parse(VMLINUX_BTF, NULL);

	if (!all)
		skip_because("this kernel does not tell its types");
	return all;
}

/* The i-th name or number in a type, as text, or NULL. Offsets of names differ between files. */
static const char *part_of(const struct btf *btf, const struct btf_type *type, uint32_t i)
{
	static char text[256];
	const char *name = "";
	long long number = 0;

	if (i >= btf_vlen(type))
		return NULL;
	if (btf_is_composite(type)) {
		name = btf__name_by_offset(btf, btf_members(type)[i].name_off);
		number = btf_members(type)[i].offset;
	} else if (btf_is_enum(type)) {
		name = btf__name_by_offset(btf, btf_enum(type)[i].name_off);
		number = btf_enum(type)[i].val;
	} else if (btf_is_enum64(type)) {
		name = btf__name_by_offset(btf, btf_enum64(type)[i].name_off);
		number = (long long)btf_enum64_value(&btf_enum64(type)[i]);
	}
	snprintf(text, sizeof(text), "%s %lld", name, number);
	return text;
}

static void assert_same_type(const struct btf *from, const struct btf_type *one,
			     const struct btf *to, const struct btf_type *other,
			     const uint32_t *ids)
{
	const uint32_t *here, *there;
	const char *part;
	char text[256];

	assert_int_equal(one->info, other->info);
	assert_string_equal(btf__name_by_offset(from, one->name_off),
			    btf__name_by_offset(to, other->name_off));
	for (uint32_t i = 0; (part = part_of(from, one, i)); i++) {
		snprintf(text, sizeof(text), "%s", part);
		assert_string_equal(text, part_of(to, other, i));
	}
	for (uint32_t i = 0; (here = kernel_btf_inside((struct btf_type *)one, i)); i++) {
		there = kernel_btf_inside((struct btf_type *)other, i);
		assert_int_equal(ids[*here], *there);
	}
	if (!kernel_btf_inside((struct btf_type *)one, 0) || btf_is_composite(one))
		assert_int_equal(one->size, other->size);
	if (btf_is_int(one))
		assert_int_equal(*(const uint32_t *)(one + 1), *(const uint32_t *)(other + 1));
	if (btf_is_array(one))
		assert_int_equal(btf_array(one)->nelems, btf_array(other)->nelems);
}

static bool is_data(const struct btf_type *type)
{
	return !btf_is_func(type) && !btf_is_func_proto(type) && !btf_is_var(type) &&
	       !btf_is_datasec(type) && !btf_is_decl_tag(type);
}

/* Each type where libbpf finds it. A copy of all that are data, which are half: the same, with other
 * ids. */
static void as_libbpf_reads_them(void **state)
{
	struct btf *theirs = need_types(), *copied;
	uint32_t count = btf__type_cnt(theirs), last = 0;
	uint32_t *ids = calloc(count, sizeof(*ids));
	struct kernel_btf *ours = NULL;
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
		ids[id] = is_data(one);
	}
	assert_int_equal(kernel_btf_copy(ours, ids, &file, &size), 0);
	copied = btf__new(file, (uint32_t)size);
	assert_non_null(copied);
	for (uint32_t id = 1; id < count; id++) {
		if (!ids[id])
			continue;
		assert_int_equal(ids[id], ++last);
		assert_same_type(theirs, btf__type_by_id(theirs, id), copied,
				 btf__type_by_id(copied, last), ids);
	}
	assert_int_equal(btf__type_cnt(copied), last + 1);
	assert_in_range(last, count / 10, count - 1);
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

/* What the loader makes of one instruction, which is all that it may change. */
static void assert_prepared(const struct btf *all, const struct bpf_insn *plain,
			    const struct bpf_insn *prepared, size_t *n_calls)
{
	const char *function = NULL;
	struct bpf_insn expected = *plain;

	if (plain->code == (BPF_JMP | BPF_CALL) && plain->imm == MMA_CALL_RDONLY_CAST)
		function = "bpf_rdonly_cast";
	if (plain->code == (BPF_JMP | BPF_CALL) && plain->imm == MMA_CALL_CAST_TO_KERN_CTX)
		function = "bpf_cast_to_kern_ctx";
	if (function) {
		expected.src_reg = BPF_PSEUDO_KFUNC_CALL;
		expected.imm = btf__find_by_name_kind(all, function, BTF_KIND_FUNC);
		++*n_calls;
	}
	assert_memory_equal(prepared, &expected, sizeof(expected));
}

static void calls(void **state)
{
	struct bpf_object *plain = bpf_object__open(PRODUCT_OBJECT),
			  *prepared = open_prepared(PRODUCT_OBJECT, NULL);
	struct btf *all = need_types();
	struct bpf_program *one;
	size_t n_calls = 0;

	(void)state;
	assert_non_null(plain);
	assert_non_null(prepared);
	bpf_object__for_each_program(one, plain)
	{
		const struct bpf_program *other =
			bpf_object__find_program_by_name(prepared, bpf_program__name(one));

		assert_int_equal(bpf_program__insn_cnt(one), bpf_program__insn_cnt(other));
		for (size_t i = 0; i < bpf_program__insn_cnt(one); i++)
			assert_prepared(all, &bpf_program__insns(one)[i],
					&bpf_program__insns(other)[i], &n_calls);
	}
	assert_in_range(n_calls, 10, 1000);
	bpf_object__close(plain);
	bpf_object__close(prepared);
	btf__free(all);
}

/* Runs test in a process that sees another file in this place, or nothing (NULL) in this directory.
 * Returns what test returns. */
static int with_mount(const char *file, const char *place, int (*test)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount(file ? file : "none", place, "tmpfs", file ? MS_BIND : 0, NULL))
			_exit(2);
		_exit(test());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip_because("no mount namespaces");
	return WEXITSTATUS(status);
}

static int finds_what_libbpf_finds(void)
{
	struct btf *theirs = btf__parse(VMLINUX_BTF, NULL);
	struct kernel_btf *ours;
	uint32_t id = 0;

	/* The name was not asked for before. */
	return kernel_btf_read(&ours) != -EINVAL || !theirs ||
	       kernel_types_id("list_head", BTF_KIND_STRUCT, &id) || !id ||
	       (int)id != btf__find_by_name_kind(theirs, "list_head", BTF_KIND_STRUCT);
}

/* An ELF file is such a format. */
static void format_that_only_libbpf_knows(void **state)
{
	(void)state;
	need_bpf();
	assert_int_equal(with_mount(PRODUCT_OBJECT, VMLINUX_BTF, finds_what_libbpf_finds), 0);
}

static int finds_nothing(void)
{
	uint32_t id = 1;

	return kernel_types_id("list_head", BTF_KIND_STRUCT, &id) >= 0 || id;
}

/* Such a kernel has none, which is no error: the load fails, and the loader says why. */
static int misses_nothing(void)
{
	uint32_t id = 1;

	return types_for(PRODUCT_OBJECT) || kernel_types_missing() ||
	       kernel_types_id("list_head", BTF_KIND_STRUCT, &id) || id;
}

static void kernel_without_types(void **state)
{
	(void)state;
	need_bpf();
	assert_int_equal(with_mount(NULL, "/sys/kernel/btf", misses_nothing), 0);
}

static void format_that_nobody_knows(void **state)
{
	(void)state;
	need_bpf();
	assert_int_equal(with_mount("/dev/null", VMLINUX_BTF, finds_nothing), 0);
}

static int reduces(void)
{
	return types_for(PRODUCT_OBJECT) != NULL;
}

/* As in a chroot, where libbpf could not open the file. */
static void without_proc(void **state)
{
	(void)state;
	need_bpf();
	assert_int_equal(with_mount(NULL, "/proc", reduces), 0);
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

	add_test(&suite, "of a format that only libbpf knows", format_that_only_libbpf_knows, NULL);
	add_test(&suite, "of a format that nobody knows", format_that_nobody_knows, NULL);
	add_test(&suite, "of a kernel without any", kernel_without_types, NULL);
	add_test(&suite, "the same programs", the_same_programs, NULL);
	add_test(&suite, "every type as libbpf reads it", as_libbpf_reads_them, NULL);
	add_test(&suite, "the numbers in read-only data", numbers, NULL);
	add_test(&suite, "the functions that programs call", calls, NULL);
	add_test(&suite, "the number of a function", functions, NULL);
	add_test(&suite, "without /proc libbpf reads all", without_proc, NULL);
	add_test(&suite, "with a type that is not there libbpf reads all", unknown_type, NULL);
	return run_suite("types", &suite);
}
