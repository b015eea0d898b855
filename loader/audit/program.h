/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF program of --audit: loaded, on a cgroup, and what it has counted. It
 * lives in this process's descriptors alone: however the process ends, the
 * kernel detaches it. */
#ifndef MMA_AUDIT_PROGRAM_H
#define MMA_AUDIT_PROGRAM_H

#include "audit/reading.h"

struct audit_program;

/* 0 or a fault; to be freed with audit_program_free(), also NULL. */
int audit_program_load(struct audit_program **ret);

/* Puts it on the cgroup that is at dir now, in place of the one before. ret_there:
 * whether there is one. 0 or a fault. */
int audit_program_attach(struct audit_program *program, const char *dir, bool *ret_there);
void audit_program_detach(struct audit_program *program);

int audit_program_read(const struct audit_program *program, struct audit_report *report);
void audit_program_free(struct audit_program *program);

#endif
