// SPDX-License-Identifier: GPL-2.0-only
/*
 * loader OBJECT: loads every program of a BPF object with libbpf, attaches those whose
 * section says where, and exits: the least that a loader can cost.
 */
#include "prepared.h"

#include <err.h>

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 2 ? open_prepared(argv[1], NULL) : NULL;
	struct bpf_program *program;

	if (!object || bpf_object__load(object))
		err(1, "cannot be loaded");
	bpf_object__for_each_program(program, object)
	{
		if (bpf_program__type(program) == BPF_PROG_TYPE_TRACING &&
		    !bpf_program__attach(program))
			err(1, "%s: cannot be attached", bpf_program__name(program));
	}
	return 0;
}
