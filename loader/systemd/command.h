/* SPDX-License-Identifier: GPL-2.0-only */
/* The command that a drop-in runs: this tool, where it is installed. */
#ifndef MMA_COMMAND_H
#define MMA_COMMAND_H

#include <limits.h>

struct command {
	char self[PATH_MAX]; /* of this tool */
	char start[PATH_MAX]; /* mptcp-mail-attach-start, or "" where only the tool is installed */
};

/* 0, or a fault where systemd must not run it as root: it may be changed by others
 * than root, or its path means something to systemd. */
int command_find(struct command *ret);

#endif
