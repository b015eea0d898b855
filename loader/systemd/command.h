/* SPDX-License-Identifier: GPL-2.0-only */
/* The command that a drop-in runs: this tool, as installed. */
#ifndef MMA_COMMAND_H
#define MMA_COMMAND_H

#include <limits.h>

struct command {
	char self[PATH_MAX]; /* of this tool */
	char start[PATH_MAX]; /* mptcp-mail-attach-start, or "" if only the tool is installed */
};

/* Returns 0, or a fault if systemd must not run it as root: others than root can change it, or
 * its path has characters that are special to systemd. */
int command_find(struct command *ret);

#endif
