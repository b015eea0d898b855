/* SPDX-License-Identifier: GPL-2.0-only */
/* What root may do that this command need not. */
#ifndef MMA_PRIVILEGES_H
#define MMA_PRIVILEGES_H

/* Gives up every capability that no mode needs. What is missing of the others
 * is told by what fails without it. */
void privileges_drop(void);

#endif
