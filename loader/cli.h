/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: one table of options, from which the help is made and the
 * man page and completion are checked. */
#ifndef MMA_CLI_H
#define MMA_CLI_H

#include "request.h"

/* Fills *ret (zeroed by the caller). 0 or a fault (usage). */
int cli_parse(int argc, char **argv, struct request *ret);

void cli_print_help(void);

#endif
