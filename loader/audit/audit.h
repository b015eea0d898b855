/* SPDX-License-Identifier: GPL-2.0-only */
/* --audit: which ports a service uses. */
#ifndef MMA_AUDIT_H
#define MMA_AUDIT_H

#include "request.h"

int audit_run(const struct request *request);

#endif
