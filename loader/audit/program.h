/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF program of --audit: loads it, attaches it to a cgroup, and reads its counts. Only
 * this process's descriptors hold it: however the process ends, the kernel detaches it. */
#ifndef MMA_AUDIT_PROGRAM_H
#define MMA_AUDIT_PROGRAM_H

#include "audit/reading.h"

struct audit_program;

/* Returns 0 or a fault. The caller frees ret with audit_program_free(), which accepts NULL. */
int audit_program_load(struct audit_program **ret);

/* Attaches it to the cgroup that is at dir now, in place of the one before. ret_there: whether
 * there is a cgroup. Returns 0 or a fault. */
int audit_program_attach(struct audit_program *program, const char *dir, bool *ret_there);
void audit_program_detach(struct audit_program *program);

int audit_program_read(const struct audit_program *program, struct audit_report *report);
void audit_program_free(struct audit_program *program);

#endif
