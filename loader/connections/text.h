/* SPDX-License-Identifier: GPL-2.0-only */
/* --connections for people. */
#ifndef MMA_CONNECTIONS_TEXT_H
#define MMA_CONNECTIONS_TEXT_H

#include <stdio.h>

struct connections;

/* At most 79 columns, but for names that are longer. */
void connections_print_text(const struct connections *connections, FILE *out);

#endif
