// SPDX-License-Identifier: GPL-2.0-only
#include "object.h"
#include "abi.h"
#include "prepared.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

static char log_text[16384];

__attribute__((format(printf, 2, 0))) static int keep_log(enum libbpf_print_level level,
							  const char *fmt, va_list args)
{
	size_t used = strlen(log_text);

	return level == LIBBPF_DEBUG
		       ? 0
		       : vsnprintf(log_text + used, sizeof(log_text) - used, fmt, args);
}

void need_bpf(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	if (geteuid())
		skip_because("needs root");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip_because("this kernel has no BTF");
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", nothing, 2, NULL);
	if (fd < 0)
		skip_because("this kernel refuses BPF programs (%s)", strerror(-fd));
	close(fd);
}

/* Not every kernel that runs these tests allows trampolines. */
static bool needs_trampoline(const char *name)
{
	return !strncmp(name, "upgrade", strlen("upgrade")) ||
	       !strncmp(name, "account", strlen("account")) ||
	       !strncmp(name, "watch", strlen("watch"));
}

/* Replaces maps by those of the same name in another object. */
static void share_maps(struct bpf_object *object, const struct bpf_object *with)
{
	struct bpf_map *map, *other;

	bpf_object__for_each_map(map, object)
	{
		other = bpf_object__find_map_by_name(with, bpf_map__name(map));
		if (other && !bpf_map__is_internal(map))
			assert_int_equal(bpf_map__reuse_fd(map, bpf_map__fd(other)), 0);
	}
}

/* types: a file with the kernel's types, or NULL: all types. */
static struct bpf_object *load(const char *file, const struct bpf_object *share, const char *types)
{
	struct bpf_object *object;
	struct bpf_program *program;
	int err;

	libbpf_set_print(keep_log);
	log_text[0] = '\0';
	assert_int_equal(kernel_object_handlers(), 0);
	object = open_prepared(file, types);
	if (!object)
		fail_because("%s: %s", file, strerror(errno));
	bpf_object__for_each_program(program,
				     object) if (needs_trampoline(bpf_program__name(program)))
		bpf_program__set_autoload(program, false);
	if (share)
		share_maps(object, share);
	err = bpf_object__load(object);
	if (err) {
		bpf_object__close(object);
		fail_because("%s: %s\n%s", file, strerror(-err), log_text);
	}
	return object;
}

struct bpf_object *load_product(void)
{
	return load(PRODUCT_OBJECT, NULL, NULL);
}

struct bpf_object *load_product_by(const char *types)
{
	return load(PRODUCT_OBJECT, NULL, types);
}

struct bpf_object *load_fixture(void)
{
	return load(FIXTURE_OBJECT, NULL, NULL);
}

struct bpf_object *load_unwritable(const struct bpf_object *product)
{
	return load(UNWRITABLE_OBJECT, product, NULL);
}

int program_fd(const struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	assert_non_null(program);
	return bpf_program__fd(program);
}

int map_fd(const struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	assert_non_null(map);
	return bpf_map__fd(map);
}

void map_clear(int fd, uint32_t key_size)
{
	char key[MMA_PATH_SIZE];

	assert_true(key_size <= sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

uint32_t run_on_packet(int prog_fd, const struct packet *in, struct packet *ret_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes, .data_size_in = in->size,
		    .data_out = ret_out->bytes, .data_size_out = sizeof(ret_out->bytes));
	int err;

	*ret_out = *in;
	memset(ret_out->bytes, 0, sizeof(ret_out->bytes));
	err = bpf_prog_test_run_opts(prog_fd, &opts);
	if (err)
		fail_because("BPF_PROG_TEST_RUN: %s", strerror(-err));
	ret_out->size = opts.data_size_out;
	return opts.retval;
}
