/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal of --watch. Uses the alternate screen, and restores the terminal when --watch ends,
 * by a key, a signal or a fault. Without a terminal, only waits. */
#ifndef MMA_CONNECTIONS_SCREEN_H
#define MMA_CONNECTIONS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum screen_woken {
	SCREEN_TIME, /* time for the next look, or the window was resized */
	SCREEN_END, /* "q", or a signal to end */
};

/* in_place: draw on standard output, a terminal. Returns 0 or a fault. */
int screen_begin(bool in_place);

/* Shows the text from its first line on, as far as it fits. */
void screen_draw(const char *text, size_t size);

/* Returns 0 or a fault. */
int screen_wait(unsigned int seconds, enum screen_woken *ret);

/* Safe to call without screen_begin(). */
void screen_end(void);

#endif
