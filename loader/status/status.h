/* SPDX-License-Identifier: GPL-2.0-only */
/* --status: what the kernel does now. */
#ifndef MMA_STATUS_H
#define MMA_STATUS_H

#include "request.h"

int status_run(const struct request *request);

#endif
