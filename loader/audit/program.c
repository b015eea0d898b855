// SPDX-License-Identifier: GPL-2.0-only
#include "audit/program.h"
#include "audit.skel.h"
#include "host/kernel_object.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct audit_program {
	struct audit *skeleton;
	struct bpf_link *link; /* NULL: not attached */
};

int audit_program_load(struct audit_program **ret)
{
	struct audit_program *program = calloc(1, sizeof(*program));
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	size_t size;
	const void *elf = audit__elf_bytes(&size);
	int err;

	*ret = program;
	opts.btf_custom_path = kernel_object_types(elf, size);
	if (program)
		program->skeleton = audit__open_opts(&opts);
	if (!program || !program->skeleton)
		return fault(ENOMEM, "audit: out of memory");
	err = audit__load(program->skeleton);
	if (err)
		return fault_kernel(
			-err,
			"audit: this kernel refuses the program (%s); use one with CONFIG_CGROUP_BPF=y and CONFIG_DEBUG_INFO_BTF=y, such as Linux 6.1 or later; -vv shows libbpf's log",
			strerror(-err));
	return 0;
}

void audit_program_detach(struct audit_program *program)
{
	bpf_link__destroy(program->link);
	program->link = NULL;
}

int audit_program_attach(struct audit_program *program, const char *dir, bool *ret_there)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	audit_program_detach(program);
	*ret_there = fd >= 0;
	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : fault(errno, "%s: cannot be opened (%s)", dir, strerror(errno));
	program->link = bpf_program__attach_cgroup(program->skeleton->progs.audit, fd);
	if (!program->link)
		err = errno;
	close(fd);
	*ret_there = err != ENODEV && err != ENOENT;
	if (!*ret_there)
		return 0; /* gone in the meantime */
	if (err == EPERM)
		return fault(
			err,
			"%s: the program cannot be attached (%s); another sock_ops program above it forbids it (bpftool cgroup tree), or CAP_NET_ADMIN is missing",
			dir, strerror(err));
	return err ? fault(err, "%s: the program cannot be attached (%s)", dir, strerror(err)) : 0;
}

int audit_program_read(const struct audit_program *program, struct audit_report *report)
{
	int map = bpf_map__fd(program->skeleton->maps.seen), err = 0;
	struct mma_audit_key key, *previous = NULL;
	uint64_t n;

	while (!err && !bpf_map_get_next_key(map, previous, &key)) {
		if (!bpf_map_lookup_elem(map, &key, &n))
			err = audit_add_seen(report, &key, n);
		previous = &key;
	}
	report->lost = program->skeleton->bss->lost;
	return err;
}

void audit_program_free(struct audit_program *program)
{
	if (!program)
		return;
	audit_program_detach(program);
	audit__destroy(program->skeleton);
	free(program);
}
