/* SPDX-License-Identifier: GPL-2.0-only */
/* The human-readable report of --connections. */
#ifndef MMA_CONNECTIONS_TEXT_H
#define MMA_CONNECTIONS_TEXT_H

#include <stdio.h>

struct connections;

/* At most 79 columns, except for longer names. */
void connections_print_text(const struct connections *connections, FILE *out);

#endif
