/* SPDX-License-Identifier: GPL-2.0-only */
/* One run at a time changes anything: services start together at boot. */
#ifndef MMA_LOCK_H
#define MMA_LOCK_H

/* Waits at most 5 s for the lock, which ends with the process. 0 or a fault. */
int lock_take(void);

#endif
