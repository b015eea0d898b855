// SPDX-License-Identifier: GPL-2.0-only
/* The programs as libbpf makes them for this kernel: the same by the types that the
 * tool hands over as by all of the kernel's. */
#include "suite.h"
#include "object.h"
#include "host/kernel_types.h"

#include <bpf/btf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROGRAMS 64

struct btf *__wrap_btf__load_vmlinux_btf(void);

struct made {
	char *name;
	struct bpf_insn *insns;
	size_t n;
};

/* Maps have other descriptors each time. */
static void forget_maps(struct made *made)
{
	for (size_t i = 0; i < made->n; i++)
		if (made->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && made->insns[i].src_reg)
			made->insns[i].imm = 0;
}

static size_t make_all(struct made made[MAX_PROGRAMS])
{
	struct bpf_object *object = load_product();
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

static void ask_for_the_product(void)
{
	struct bpf_object *object = bpf_object__open(PRODUCT_OBJECT);

	assert_non_null(object);
	kernel_types_for(object);
	bpf_object__close(object);
}

static void free_all(struct made *made, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(made[i].name);
		free(made[i].insns);
	}
}

static uint32_t size_of_types(void)
{
	struct btf *btf = __wrap_btf__load_vmlinux_btf();
	uint32_t size;

	assert_non_null(btf);
	btf__raw_data(btf, &size);
	btf__free(btf);
	return size;
}

static void the_same_programs(void **state)
{
	static struct made by_all[MAX_PROGRAMS], by_few[MAX_PROGRAMS];
	uint32_t all, few;
	size_t n;

	(void)state;
	need_bpf();
	n = make_all(by_all);
	all = size_of_types();
	ask_for_the_product();
	few = size_of_types();
	show("%u bytes of types instead of %u", few, all);
	assert_in_range(few, 1, all / 2);
	assert_int_equal(make_all(by_few), n);
	assert_in_range(n, 5, MAX_PROGRAMS);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(by_few[i].name, by_all[i].name);
		assert_int_equal(by_few[i].n, by_all[i].n);
		assert_memory_equal(by_few[i].insns, by_all[i].insns,
				    by_all[i].n * sizeof(*by_all[i].insns));
	}
	free_all(by_all, n);
	free_all(by_few, n);
}

static void functions(void **state)
{
	struct btf *all = btf__parse("/sys/kernel/btf/vmlinux", NULL);

	(void)state;
	if (!all)
		skip_because("this kernel does not tell its types");
	assert_int_equal(kernel_types_function("tcp_connect"),
			 btf__find_by_name_kind(all, "tcp_connect", BTF_KIND_FUNC));
	assert_int_equal(kernel_types_function("tcp_connect_to_nothing"), 0);
	assert_int_equal(kernel_types_function("sock"), 0);
	btf__free(all);
}

int main(void)
{
	static struct suite suite;

	add_test(&suite, "the same programs", the_same_programs, NULL);
	add_test(&suite, "the number of a function", functions, NULL);
	return run_suite("types", &suite);
}
