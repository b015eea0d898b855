/* SPDX-License-Identifier: GPL-2.0-only */
/* Names in JSON, which is UTF-8; the name of a cgroup or command can be any bytes. */
#ifndef MMA_JSON_TEXT_H
#define MMA_JSON_TEXT_H

#include <jansson.h>

/* A JSON string. If text is not UTF-8, every byte that is not ASCII becomes \xNN. */
json_t *json_text(const char *text);

#endif
