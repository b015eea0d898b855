/* SPDX-License-Identifier: GPL-2.0-only */
/* Names in JSON: a cgroup or command may be called anything, JSON is UTF-8. */
#ifndef MMA_JSON_TEXT_H
#define MMA_JSON_TEXT_H

#include <jansson.h>

/* The text; where it is not UTF-8, with \xNN for what is not ASCII. */
json_t *json_text(const char *text);

#endif
