// SPDX-License-Identifier: GPL-2.0-only
/* Making the kernel's types few: what stays, that numbers stay, and what is odd. */
#include "suite.h"
#include "host/btf_thin.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

enum { /* the numbers in made_up() */
       LONG = 1,
       STRANGER, /* struct stranger { long x; }, asked for by nobody */
       TO_STRANGER, /* struct stranger * */
       HELD, /* struct held { long in; } */
       NAMELESS, /* union { long u; struct held h; } */
       HELD_CONST, /* const struct held */
       HELD_ARRAY, /* const struct held [2] */
       WANTED, /* struct wanted { struct stranger *p; union {}; const struct held a[2]; } */
       FLAVOR, /* struct wanted___old { long o; } */
       PROTO, /* long (struct stranger *p) */
       FUNCTION,
       OTHER_FUNCTION,
       VALUES, /* enum values { VALUE = 1 } */
       VALUES64, /* enum values64 { VALUE64 = 1 } */
       NAMED, /* typedef struct held named_t */
       VARIABLE, /* static long variable */
       SECTION, /* .data { variable } */
       N_NUMBERS,
};

static struct btf *made_up(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	btf__add_struct(btf, "stranger", 8);
	btf__add_field(btf, "x", LONG, 0, 0);
	btf__add_ptr(btf, STRANGER);
	btf__add_struct(btf, "held", 8);
	btf__add_field(btf, "in", LONG, 0, 0);
	btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "u", LONG, 0, 0);
	btf__add_field(btf, "h", HELD, 0, 0);
	btf__add_const(btf, HELD);
	btf__add_array(btf, LONG, HELD_CONST, 2);
	btf__add_struct(btf, "wanted", 32);
	btf__add_field(btf, "p", TO_STRANGER, 0, 0);
	btf__add_field(btf, NULL, NAMELESS, 64, 0);
	btf__add_field(btf, "a", HELD_ARRAY, 128, 0);
	btf__add_struct(btf, "wanted___old", 8);
	btf__add_field(btf, "o", LONG, 0, 0);
	btf__add_func_proto(btf, LONG);
	btf__add_func_param(btf, "p", TO_STRANGER);
	btf__add_func(btf, "function", BTF_FUNC_STATIC, PROTO);
	btf__add_func(btf, "other_function", BTF_FUNC_STATIC, PROTO);
	btf__add_enum(btf, "values", 4);
	btf__add_enum_value(btf, "VALUE", 1);
	btf__add_enum64(btf, "values64", 8, false);
	btf__add_enum64_value(btf, "VALUE64", 1);
	btf__add_typedef(btf, "named_t", HELD);
	btf__add_var(btf, "variable", BTF_VAR_STATIC, LONG);
	btf__add_datasec(btf, ".data", 8);
	btf__add_datasec_var_info(btf, VARIABLE, 0, 8);
	assert_int_equal(btf__type_cnt(btf), N_NUMBERS);
	return btf;
}

static char *raw_of(const struct btf *btf, size_t *ret_size)
{
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);
	char *raw = malloc(size);

	assert_non_null(raw);
	memcpy(raw, data, size);
	*ret_size = size;
	return raw;
}

static struct btf *thinned(const struct btf *btf, struct btf_names *names)
{
	struct btf *thin;
	size_t size;
	char *raw = raw_of(btf, &size);

	assert_int_equal(btf_thin(&raw, &size, names), 0);
	thin = btf__new(raw, (uint32_t)size);
	assert_non_null(thin);
	free(raw);
	assert_int_equal(btf__type_cnt(thin), btf__type_cnt(btf));
	return thin;
}

static const struct btf_type *type_in(const struct btf *btf, uint32_t number)
{
	return btf__type_by_id(btf, number);
}

static const char *name_in(const struct btf *btf, uint32_t number)
{
	return btf__name_by_offset(btf, type_in(btf, number)->name_off);
}

static void same_members(const struct btf *btf, const struct btf *thin, uint32_t number)
{
	const struct btf_type *type = type_in(btf, number), *kept = type_in(thin, number);
	const struct btf_member *a = btf_members(type), *b = btf_members(kept);

	assert_int_equal(kept->info, type->info);
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		assert_int_equal(b[i].type, a[i].type);
		assert_int_equal(b[i].offset, a[i].offset);
		assert_string_equal(btf__name_by_offset(thin, b[i].name_off),
				    btf__name_by_offset(btf, a[i].name_off));
	}
}

static void numbers_kinds_and_sizes_stay(const struct btf *btf, const struct btf *thin)
{
	for (uint32_t i = 1; i < btf__type_cnt(btf); i++) {
		assert_int_equal(btf_kind(type_in(thin, i)), btf_kind(type_in(btf, i)));
		assert_int_equal(type_in(thin, i)->size, type_in(btf, i)->size);
	}
}

static void test_what_is_asked_for_stays(void **state)
{
	struct btf_names names = { 0 };
	struct btf *btf = made_up(), *thin;

	(void)state;
	assert_int_equal(btf_names_add(&names, "wanted___mine", BTF_KIND_STRUCT), 0);
	assert_int_equal(btf_names_add(&names, "wanted", BTF_KIND_STRUCT), 0);
	assert_int_equal(btf_names_add(&names, "function", BTF_KIND_FUNC), 0);
	assert_int_equal(btf_names_add(&names, "values64", BTF_KIND_ENUM), 0);
	assert_int_equal(names.n, 3);
	thin = thinned(btf, &names);
	assert_null(btf_names_missing(&names));
	numbers_kinds_and_sizes_stay(btf, thin);
	assert_string_equal(name_in(thin, LONG), "long");
	same_members(btf, thin, WANTED);
	same_members(btf, thin, FLAVOR);
	same_members(btf, thin, HELD);
	same_members(btf, thin, NAMELESS);
	assert_string_equal(name_in(thin, FLAVOR), "wanted___old");
	assert_string_equal(name_in(thin, FUNCTION), "function");
	assert_int_equal(btf_vlen(type_in(thin, PROTO)), 1);
	assert_int_equal(btf_params(type_in(thin, PROTO))->type, TO_STRANGER);
	assert_int_equal(btf_vlen(type_in(thin, VALUES64)), 1);
	assert_int_equal(btf_array(type_in(thin, HELD_ARRAY))->nelems, 2);
	btf__free(thin);
	btf__free(btf);
	btf_names_free(&names);
}

static void test_the_others_lose_it(void **state)
{
	static const uint32_t others[] = { STRANGER, OTHER_FUNCTION, VALUES,
					   VALUES64, NAMED,	     VARIABLE };
	struct btf_names names = { 0 };
	struct btf *btf = made_up(), *thin;

	(void)state;
	assert_int_equal(btf_names_add(&names, "wanted", BTF_KIND_STRUCT), 0);
	thin = thinned(btf, &names);
	numbers_kinds_and_sizes_stay(btf, thin);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_string_equal(name_in(thin, others[i]), "");
	assert_int_equal(btf_vlen(type_in(thin, STRANGER)), 0);
	assert_int_equal(btf_vlen(type_in(thin, VALUES)), 0);
	assert_int_equal(btf_vlen(type_in(thin, VALUES64)), 0);
	assert_int_equal(btf_vlen(type_in(thin, PROTO)), 0);
	assert_int_equal(btf_vlen(type_in(thin, SECTION)), 0);
	assert_int_equal(type_in(thin, TO_STRANGER)->type, STRANGER);
	btf__free(thin);
	btf__free(btf);
	btf_names_free(&names);
}

static const struct missing_row {
	const char *name, *asked;
	uint32_t kind;
	bool missing;
} missing[] = {
	{ "a structure that is there", "wanted", BTF_KIND_STRUCT, false },
	{ "one of which only another flavor is there", "wanted___new", BTF_KIND_STRUCT, false },
	{ "one that is not there", "unwanted", BTF_KIND_STRUCT, true },
	{ "the beginning of one", "want", BTF_KIND_STRUCT, true },
	{ "a union that is a structure", "wanted", BTF_KIND_UNION, true },
	{ "a function that is there", "other_function", BTF_KIND_FUNC, false },
	{ "a function that is a structure", "wanted", BTF_KIND_FUNC, true },
	{ "an enum that has 64 bits", "values64", BTF_KIND_ENUM, false },
	{ "a type definition", "named_t", BTF_KIND_TYPEDEF, false },
	{ "no name", "", BTF_KIND_STRUCT, true },
};

static void test_missing(void **state)
{
	const struct missing_row *row = *state;
	struct btf_names names = { 0 };
	struct btf *btf = made_up();

	assert_int_equal(btf_names_add(&names, row->asked, row->kind), 0);
	btf__free(thinned(btf, &names));
	assert_int_equal(btf_names_missing(&names) != NULL, row->missing);
	btf__free(btf);
	btf_names_free(&names);
}

/* In memory of its own size, so that a sanitizer sees who reads past its end. */
static int thin_copy(const char *raw, size_t size)
{
	struct btf_names names = { 0 };
	char *copy = malloc(size ? size : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, raw, size);
	assert_int_equal(btf_names_add(&names, "wanted", BTF_KIND_STRUCT), 0);
	assert_int_equal(btf_names_add(&names, "function", BTF_KIND_FUNC), 0);
	err = btf_thin(&copy, &size, &names);
	free(copy);
	btf_names_free(&names);
	return err;
}

static void test_cut_short(void **state)
{
	struct btf *btf = made_up();
	size_t size;
	char *raw = raw_of(btf, &size);

	(void)state;
	assert_int_equal(thin_copy(raw, size), 0);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(thin_copy(raw, cut), -EINVAL);
	free(raw);
	btf__free(btf);
}

/* Nothing is read or written outside. Some changes are not odd: a size, say. */
static void test_changed_bytes(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct btf *btf = made_up();
	size_t size, refused = 0;
	char *raw = raw_of(btf, &size);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		char was = raw[i];

		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			raw[i] = (char)values[v];
			refused += thin_copy(raw, size) != 0;
		}
		raw[i] = was;
	}
	assert_true(refused > 100);
	free(raw);
	btf__free(btf);
}

static void test_this_kernels_types(void **state)
{
	static const char *const structures[] = { "task_struct", "sock", "sk_buff", "net",
						  "cgroup" };
	struct btf_names names = { 0 };
	struct btf *btf = btf__parse(VMLINUX_BTF, NULL), *thin;
	uint32_t size, thin_size;

	(void)state;
	if (!btf)
		skip_because("%s cannot be read (%s)", VMLINUX_BTF, strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(structures); i++)
		assert_int_equal(btf_names_add(&names, structures[i], BTF_KIND_STRUCT), 0);
	assert_int_equal(btf_names_add(&names, "tcp_connect", BTF_KIND_FUNC), 0);
	thin = thinned(btf, &names);
	assert_null(btf_names_missing(&names));
	numbers_kinds_and_sizes_stay(btf, thin);
	for (size_t i = 0; i < ARRAY_SIZE(structures); i++) {
		int number = btf__find_by_name_kind(btf, structures[i], BTF_KIND_STRUCT);

		assert_int_equal(btf__find_by_name_kind(thin, structures[i], BTF_KIND_STRUCT),
				 number);
		same_members(btf, thin, (uint32_t)number);
	}
	assert_int_equal(btf__find_by_name_kind(thin, "tcp_connect", BTF_KIND_FUNC),
			 btf__find_by_name_kind(btf, "tcp_connect", BTF_KIND_FUNC));
	btf__raw_data(btf, &size);
	btf__raw_data(thin, &thin_size);
	show("%u bytes of types become %u", size, thin_size);
	assert_true(thin_size < size / 2);
	btf__free(thin);
	btf__free(btf);
	btf_names_free(&names);
}

int main(void)
{
	static struct suite suite;

	add_test(&suite, "what is asked for stays", test_what_is_asked_for_stays, NULL);
	add_test(&suite, "the others lose it", test_the_others_lose_it, NULL);
	add_table(&suite, test_missing, missing);
	add_test(&suite, "cut short", test_cut_short, NULL);
	add_test(&suite, "changed bytes", test_changed_bytes, NULL);
	add_test(&suite, "this kernel's types", test_this_kernels_types, NULL);
	return run_suite("btf_thin", &suite);
}
