/* SPDX-License-Identifier: GPL-2.0-only */
/* The parsed command line. */
#ifndef MMA_REQUEST_H
#define MMA_REQUEST_H

#include "ports.h"
#include <stdbool.h>
#include <stddef.h>

enum mode {
	MODE_NONE,
	MODE_ATTACH,
	MODE_DETACH,
	MODE_ALLOW,
	MODE_DENY,
	MODE_REFRESH,
	MODE_ENABLE,
	MODE_DISABLE,
	MODE_OCI,
	MODE_STATUS,
	MODE_CONNECTIONS,
	MODE_CHECK,
	MODE_AUDIT,
	MODE_VERSION,
	MODE_HELP,
};

struct words {
	char **list; /* into argv */
	size_t n;
};

struct request {
	enum mode mode;
	struct words cgroups; /* --cgroup, as given */
	struct words netns; /* --netns */
	struct words signals; /* --signal, addresses as given */
	unsigned int pid; /* --pid; 0: read from a runtime's state */
	struct words units; /* --enable or --disable */
	struct words port_texts; /* each LIST, as given, checked */
	struct port_list ports; /* --port, --allow or --deny */
	bool json;
	bool openmetrics; /* --openmetrics */
	bool now; /* --now */
	bool no_repair; /* --no-repair */
	unsigned int duration; /* --duration, seconds; 0: until a signal */
	unsigned int watch; /* --watch, seconds; 0: print once */
	int verbosity; /* -1: -q, 1: -v, 2: -vv */
};

#endif
