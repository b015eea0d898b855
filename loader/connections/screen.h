/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal of --watch: the alternate screen while it lasts, and as it was before once
 * it ends, by a key, by a signal, or by a fault. Without a terminal, the waiting alone.
 */
#ifndef MMA_CONNECTIONS_SCREEN_H
#define MMA_CONNECTIONS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum screen_woken {
	SCREEN_TIME, /* it is time, or the window has another size */
	SCREEN_END, /* "q", or a signal that ends */
};

/* in_place: standard output is a terminal that is drawn on. 0 or a fault. */
int screen_begin(bool in_place);

/* Shows the text from its first line on, as much as there is room for. */
void screen_draw(const char *text, size_t size);

/* 0 or a fault. */
int screen_wait(unsigned int seconds, enum screen_woken *ret);

/* Also where it has not begun. */
void screen_end(void);

#endif
