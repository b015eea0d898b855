/* SPDX-License-Identifier: GPL-2.0-only */
/* Containers: what a runtime says of one, and what its cgroup's path tells. */
#ifndef MMA_CONTAINER_H
#define MMA_CONTAINER_H

#include <stdbool.h>
#include <sys/types.h>

#define CONTAINER_ID_SIZE 256

/* What is needed of the state that the OCI runtime specification has hooks read. */
struct oci_state {
	pid_t pid; /* of the container's first process, in our pid namespace */
	char id[CONTAINER_ID_SIZE];
};

/* Reads a state from the descriptor to its end: 0 or a fault. */
int oci_state_read(int fd, struct oci_state *ret);

struct container_name {
	const char *engine; /* "docker", "podman", … */
	char id[CONTAINER_ID_SIZE]; /* twelve digits, as the engines print it; or a name */
};

/* Names the container whose cgroup this is, or contains it; false where the path is
 * not one that an engine we know makes. */
bool container_of_path(const char *path, struct container_name *ret);

/* An id as container_of_path() has it. */
void container_short_id(const char *id, char ret[CONTAINER_ID_SIZE]);

/* Whether a part of the path is the cgroup of the container with this id. */
bool container_has_path(const char *id, const char *path);

#endif
