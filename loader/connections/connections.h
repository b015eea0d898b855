/* SPDX-License-Identifier: GPL-2.0-only */
/* --connections: the live connections of attached services, with their paths. */
#ifndef MMA_CONNECTIONS_H
#define MMA_CONNECTIONS_H

#include "request.h"

int connections_run(const struct request *request);

#endif
