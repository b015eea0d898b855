/* SPDX-License-Identifier: GPL-2.0-only */
/* One run at a time changes anything: services start together at boot. */
#ifndef MMA_LOCK_H
#define MMA_LOCK_H

/* Waits for the lock, which ends with the process, until nothing has got on for 5 s:
 * many services start at once, and the first one may have a thousand interfaces to
 * cover. 0 or a fault. */
int lock_take(void);

/* Tells those who wait that this run gets on: where much is done, at each step of it. */
void lock_progress(void);

/* Before a step that starts other runs of this command, and waits for them. */
void lock_release(void);

#endif
