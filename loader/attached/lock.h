/* SPDX-License-Identifier: GPL-2.0-only */
/* Only one run at a time changes anything: services start together at boot. */
#ifndef MMA_LOCK_H
#define MMA_LOCK_H

/* Waits for the lock, which the kernel releases when the process ends. Gives up after 5 s
 * without progress by the holder: many services start at once, and the first may have a
 * thousand interfaces to cover. Returns 0 or a fault. */
int lock_take(void);

/* Tells the waiting runs that this one makes progress. Call it at each step of long work. */
void lock_progress(void);

/* Call it before a step that starts other runs of this command and waits for them. */
void lock_release(void);

#endif
