/* SPDX-License-Identifier: GPL-2.0-only */
/* The rights of this process: those it needs, and those it drops. */
#ifndef MMA_RIGHTS_H
#define MMA_RIGHTS_H

/* Drops every capability that no mode needs. If one of the needed ones is missing, the step
 * that fails reports it. */
void rights_drop(void);

/* Returns 0, or a fault if we are not root. */
int rights_need_root(void);

#endif
