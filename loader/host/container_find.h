/* SPDX-License-Identifier: GPL-2.0-only */
/* The cgroup of a container, by what people call it. */
#ifndef MMA_CONTAINER_FIND_H
#define MMA_CONTAINER_FIND_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Looks for a running container by its id, as --status prints it or in full, or by its
 * name, which Docker and Podman are asked for. ret_dir: its cgroup. ret_found: false where
 * the word is none of these, or means a cgroup or "self". 0 or a fault, also where an
 * engine has such a container and it does not run.
 */
int container_find(const char *word, char *ret_dir, size_t size, bool *ret_found);

#endif
