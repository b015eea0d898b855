// SPDX-License-Identifier: GPL-2.0-only
/* The few types that the loader passes to libbpf, and the type ids that it sets: the
 * programs are the same as with all of the kernel's types. */
#include "suite.h"
#include "object.h"
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
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *elf;

	assert_int_equal(fstat(fd, &stat), 0);
	elf = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(elf, MAP_FAILED);
	close(fd);
	return kernel_types_for(elf,
				(size_t)stat.st_size); /* which stays mapped: it is remembered */
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

/* The loader sets the ids; reads them in the order in which the compiler laid out the
 * source. */
static void numbers(void **state)
{
	static const char *const names[] = { "list_head", "sock",	"inet_sock",
					     "tcp_sock",  "mptcp_sock", "mptcp_pernet" };
	struct bpf_object *object = bpf_object__open(PRODUCT_OBJECT);
	struct btf *all = need_types();
	const uint32_t *set = NULL;
	struct bpf_map *map;
	size_t size = 0;

	(void)state;
	assert_non_null(object);
	assert_int_equal(kernel_types_number(object), 0);
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
	add_test(&suite, "the numbers in read-only data", numbers, NULL);
	add_test(&suite, "the number of a function", functions, NULL);
	add_test(&suite, "without /proc libbpf reads all", without_proc, NULL);
	add_test(&suite, "with a type that is not there libbpf reads all", unknown_type, NULL);
	return run_suite("types", &suite);
}
