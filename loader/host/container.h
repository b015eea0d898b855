/* SPDX-License-Identifier: GPL-2.0-only */
/* What a runtime's state and a cgroup's path say about a container. */
#ifndef MMA_CONTAINER_H
#define MMA_CONTAINER_H

#include <stdbool.h>
#include <sys/types.h>

#define CONTAINER_ID_SIZE 256

/* What we need of the state that a runtime passes to hooks (OCI runtime specification). */
struct oci_state {
	pid_t pid; /* of the container's first process, in our pid namespace */
	char id[CONTAINER_ID_SIZE];
};

/* Reads a state from the descriptor, up to its end. Returns 0 or a fault. */
int oci_state_read(int fd, struct oci_state *ret);

struct container_name {
	const char *engine; /* "docker", "podman", … */
	char id[CONTAINER_ID_SIZE]; /* 12 digits, as the engines print it; or a name */
};

/* The container whose cgroup has this path or contains it; false if no engine that we know creates
 * such a path. */
bool container_of_path(const char *path, struct container_name *ret);

/* Shortens an id as container_of_path() does. */
void container_short_id(const char *id, char ret[CONTAINER_ID_SIZE]);

/* Whether a component of the path is the cgroup of the container with this id. */
bool container_has_path(const char *id, const char *path);

#endif
