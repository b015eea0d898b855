// SPDX-License-Identifier: GPL-2.0-only
/* --check: what an installed container engine needs to start containers that speak MPTCP. No
 * line if no engine needs anything: Podman finds its hook by itself. */
#include "check/parts.h"

#include <glob.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define NAME "containers"
#define DOCKER "/run/docker.sock" /* exists while the daemon runs */
#define ROOTLESS "/run/user/*/docker.sock"
#define SETTINGS "/etc/docker/daemon.json"
#define WRAPPER "/etc/mptcp-mail-attach/runtime"
#define SET_UP                                                                \
	"in " SETTINGS ": {\"runtimes\":{\"mptcp-mail\":{\"path\":\"" WRAPPER \
	"\"}}}, then systemctl reload docker"

/* The name under which Docker knows the wrapper, or NULL. Valid as long as the settings. */
static const char *runtime_name(json_t *settings)
{
	const char *name, *path;
	json_t *runtime;

	json_object_foreach(json_object_get(settings, "runtimes"), name, runtime)
	{
		path = json_string_value(json_object_get(runtime, "path"));
		if (path && !strcmp(path, WRAPPER))
			return name;
	}
	return NULL;
}

static void check_docker(struct checks *checks)
{
	json_t *settings = json_load_file(SETTINGS, 0, NULL);
	const char *name = runtime_name(settings);

	if (!name)
		check_warn(
			checks, NAME, SET_UP,
			"Docker is here, and its runtime wrapper is not set up: containers stay TCP");
	else if (access(WRAPPER, X_OK))
		check_fail(checks, NAME,
			   "install mptcp-mail-attach again, or take that runtime out of " SETTINGS,
			   "Docker's runtime %s is " WRAPPER
			   ", which is not there: its containers do not start",
			   name);
	else
		check_ok(checks, NAME, "Docker: containers with --runtime %s", name);
	json_decref(settings);
}

static void check_rootless(struct checks *checks)
{
	glob_t found;

	if (glob(ROOTLESS, 0, NULL, &found))
		return;
	check_warn(checks, "containers_rootless",
		   "run mail servers in the Docker of root, or with host networking",
		   "%s: rootless Docker ends TCP on the host, so its containers stay TCP",
		   found.gl_pathv[0]);
	globfree(&found);
}

void check_containers(struct checks *checks)
{
	if (!access(DOCKER, F_OK))
		check_docker(checks);
	check_rootless(checks);
}
