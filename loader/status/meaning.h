/* SPDX-License-Identifier: GPL-2.0-only */
/* What the data of --status means, the same for each view. */
#ifndef MMA_STATUS_MEANING_H
#define MMA_STATUS_MEANING_H

#include "status/reading.h"

/* Whether the allowlist allows listening on this port. */
bool status_listens_allowed(const struct status *status, uint16_t port);

/* The roles that the allowlist grants for the port (MMA_PORT_ALL: every port) and that any process
 * of this namespace can use. If there is one, every socket of a service there is upgraded. */
int status_open_roles(const struct status *status, const struct status_netns *netns, int port);

/* Why this listener does not behave as expected, or "". */
const char *status_listener_reason(const struct status *status,
				   const struct status_service *service,
				   const struct listener *listener);

/* Whether repair is on a cgroup that exists: "on", "off" (--no-repair), or "missing". */
const char *status_repair_word(const struct status_service *service);

#endif
