/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line. One table of options produces --help; tests check the man page
 * and the completion against it. */
#ifndef MMA_CLI_H
#define MMA_CLI_H

#include "request.h"

/* Fills *ret, which the caller has zeroed. Returns 0 or a usage fault. */
int cli_parse(int argc, char **argv, struct request *ret);

void cli_print_help(void);

#endif
