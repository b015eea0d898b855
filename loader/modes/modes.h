/* SPDX-License-Identifier: GPL-2.0-only */
/* The modes that change something, one file each. Each returns 0 or a fault. */
#ifndef MMA_MODES_H
#define MMA_MODES_H

#include "request.h"

int attach_run(const struct request *request);
int detach_run(const struct request *request);
int edit_run(const struct request *request); /* --allow and --deny */
int refresh_run(const struct request *request);
int enable_run(const struct request *request);
int disable_run(const struct request *request);
int oci_run(const struct request *request);

#endif
