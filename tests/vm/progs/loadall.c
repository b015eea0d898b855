// SPDX-License-Identifier: GPL-2.0-only
/* loadall OBJECT DIRECTORY: loads all our programs and pins them there, as bpftool prog
 * loadall does, except that bpftool does not set the ids of types and functions. */
#include "prepared.h"

#include <err.h>

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 3 ? open_prepared(argv[1], NULL) : NULL;

	if (!object || bpf_object__load(object) || bpf_object__pin_programs(object, argv[2]))
		err(1, "cannot be loaded");
	return 0;
}
