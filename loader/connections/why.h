/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a connection has only one path, or is TCP, if the kernel shows it. */
#ifndef MMA_CONNECTIONS_WHY_H
#define MMA_CONNECTIONS_WHY_H

#include "connections/connection.h"

struct why connection_why(const struct connections *all, const struct connection *connection);

#endif
