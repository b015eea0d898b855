/* SPDX-License-Identifier: GPL-2.0-only */
/* The rights of this process: what it must have, and what it can do without. */
#ifndef MMA_RIGHTS_H
#define MMA_RIGHTS_H

/* Gives up every capability that no mode needs. What is missing of the others
 * is told by what fails without it. */
void rights_drop(void);

/* 0, or a fault where we are not root. */
int rights_need_root(void);

#endif
