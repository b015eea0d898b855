/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the cgroup of a container by its id or name. */
#ifndef MMA_CONTAINER_FIND_H
#define MMA_CONTAINER_FIND_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Looks for a running container by its id, as --status prints it or in full, or by its name, for
 * which it asks Docker and Podman. ret_dir: its cgroup. ret_found: false if the word is none of
 * these, or is a cgroup or "self". Returns 0 or a fault; a container that is known to an engine but
 * not running is a fault.
 */
int container_find(const char *word, char *ret_dir, size_t size, bool *ret_found);

#endif
