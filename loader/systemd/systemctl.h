/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads what systemctl(1) prints. */
#ifndef MMA_SYSTEMCTL_H
#define MMA_SYSTEMCTL_H

#include <stdbool.h>
#include <stddef.h>

/* Runs "systemctl show" for these properties, "A,B". Returns 0 or a fault. */
int systemctl_show(const char *unit, const char *properties, char *ret_text, size_t size);

/* The value of "name=" in the output of systemctl show; "" if there is none. */
void value_of(const char *text, const char *name, char *ret_value, size_t size);
bool value_is(const char *text, const char *name, const char *value);

bool ends_with(const char *name, const char *suffix);

#endif
