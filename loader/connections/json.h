/* SPDX-License-Identifier: GPL-2.0-only */
/* --connections --json, schema 1 (docs/connections.schema.json). */
#ifndef MMA_CONNECTIONS_JSON_H
#define MMA_CONNECTIONS_JSON_H

#include <stdbool.h>

struct connections;

/* one_line: all of it on one line, for --watch; else one line per connection. Returns 0 or a
 * fault. */
int connections_print_json(const struct connections *connections, bool one_line);

#endif
