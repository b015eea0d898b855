/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a connection has one path only, or is TCP, as far as the kernel tells. */
#ifndef MMA_CONNECTIONS_WHY_H
#define MMA_CONNECTIONS_WHY_H

#include "connections/connection.h"

struct why connection_why(const struct connections *all, const struct connection *connection);

#endif
