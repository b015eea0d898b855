/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MMA_TIMESPAN_H
#define MMA_TIMESPAN_H

/* Parses "1min 30s", "800ms", "infinity": systemd.time(7), as systemctl prints it. UINT_MAX for
 * "", for infinity, and for a minute or more, which is long enough. */
unsigned int timespan_ms(const char *text);

#endif
