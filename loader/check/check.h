/* SPDX-License-Identifier: GPL-2.0-only */
/* --check: whether this machine can do it, and what to do if not. */
#ifndef MMA_CHECK_H
#define MMA_CHECK_H

#include "request.h"

int check_run(const struct request *request);

#endif
