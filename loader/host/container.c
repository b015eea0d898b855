// SPDX-License-Identifier: GPL-2.0-only
#include "host/container.h"
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A state has a few hundred bytes plus its annotations. Anything longer is not a state. */
#define MAX_STATE (1 << 20)

#define FULL_ID 64 /* hexadecimal digits */
#define SHORT_ID 12 /* the first ones, which engines print */

static int read_state_text(int fd, char *text, size_t *ret_len)
{
	ssize_t len = 1;

	*ret_len = 0;
	while (len && *ret_len <= MAX_STATE) {
		len = read(fd, text + *ret_len, MAX_STATE + 1 - *ret_len);
		if (len < 0 && errno != EINTR)
			return fault(errno, "standard input: cannot be read (%s)", strerror(errno));
		if (len > 0)
			*ret_len += (size_t)len;
	}
	if (!*ret_len)
		return fault(
			EINVAL,
			"standard input: empty; a container runtime's state is expected (JSON), or --pid");
	if (*ret_len > MAX_STATE)
		return fault(
			EINVAL,
			"standard input: more than 1 MiB; a container runtime's state is expected");
	return 0;
}

static int read_fields(const json_t *root, struct oci_state *ret)
{
	json_int_t pid = json_integer_value(json_object_get(root, "pid"));
	const char *id = json_string_value(json_object_get(root, "id"));

	if (pid < 1 || pid > INT_MAX)
		return fault(EINVAL,
			     "the container's state: has no pid; run this as a createRuntime hook");
	if (!id || !*id || strlen(id) >= sizeof(ret->id))
		return fault(EINVAL, "the container's state: has no id");
	ret->pid = (pid_t)pid;
	strcpy(ret->id, id);
	return 0;
}

int oci_state_read(int fd, struct oci_state *ret)
{
	char *text = malloc(MAX_STATE + 1);
	json_error_t error;
	json_t *root;
	size_t len;
	int err = text ? read_state_text(fd, text, &len)
		       : fault(ENOMEM, "standard input: out of memory");

	if (!err) {
		root = json_loadb(text, len, 0, &error);
		if (root)
			err = read_fields(root, ret);
		else
			err = fault(
				EINVAL,
				"standard input: not JSON (%s); a container runtime's state is expected",
				error.text);
		json_decref(root);
	}
	free(text);
	return err;
}

/* Prefixes of path components, and the engines that create them. */
static const struct {
	const char *prefix, *engine;
} engines[] = {
	{ "docker-", "docker" },  { "libpod-payload-", "podman" },     { "libpod-", "podman" },
	{ "crio-", "cri-o" },	  { "cri-containerd-", "containerd" }, { "lxc.payload.", "lxc" },
	{ "machine-", "nspawn" },
};

static bool is_full_id(const char *text)
{
	return strlen(text) == FULL_ID && strspn(text, "0123456789abcdef") == FULL_ID;
}

void container_short_id(const char *id, char ret[CONTAINER_ID_SIZE])
{
	snprintf(ret, CONTAINER_ID_SIZE, "%s", id);
	if (is_full_id(id))
		ret[SHORT_ID] = '\0';
}

/* part: a path component, without ".scope" or ".service". before: the component above it. */
static bool name_of_part(const char *part, const char *before, struct container_name *ret)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		size_t len = strlen(engines[i].prefix);

		if (strncmp(part, engines[i].prefix, len) || !part[len])
			continue;
		/* conmon is not a container. Nor is LXC's monitor, which has no such prefix. */
		if (!strncmp(part + len, "conmon-", strlen("conmon-")))
			return false;
		ret->engine = engines[i].engine;
		container_short_id(part + len, ret->id);
		return true;
	}
	if (!is_full_id(part))
		return false;
	ret->engine = !strcmp(before, "docker") ? "docker" : "container"; /* cgroupfs */
	container_short_id(part, ret->id);
	return true;
}

/* The next component of a path, without its suffix; false at the end. A component that does not
 * fit becomes "". */
static bool next_part(const char **path, char ret_part[CONTAINER_ID_SIZE])
{
	static const char *const suffixes[] = { ".scope", ".service" };
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (!len)
		return false;
	ret_part[0] = '\0';
	if (len < CONTAINER_ID_SIZE) {
		memcpy(ret_part, *path, len);
		ret_part[len] = '\0';
	}
	*path += len;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *end = strrchr(ret_part, '.');

		if (end && !strcmp(end, suffixes[i]))
			*end = '\0';
	}
	return true;
}

bool container_of_path(const char *path, struct container_name *ret)
{
	char part[CONTAINER_ID_SIZE], before[CONTAINER_ID_SIZE] = "";
	bool found = false;

	while (next_part(&path, part)) { /* finds the innermost of nested containers */
		found |= name_of_part(part, before, ret);
		strcpy(before, part);
	}
	return found;
}

bool container_has_path(const char *id, const char *path)
{
	char part[CONTAINER_ID_SIZE];
	size_t len = strlen(id);

	while (next_part(&path, part)) {
		const char *end = part + strlen(part) - len;

		if (strlen(part) < len || strcmp(end, id))
			continue;
		if (end == part || end[-1] == '-' || end[-1] == '.')
			return true;
	}
	return false;
}
