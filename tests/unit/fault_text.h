/* SPDX-License-Identifier: GPL-2.0-only */
/* What a fault, or anything else on stderr, reads like to the user. */
#ifndef MMA_FAULT_TEXT_H
#define MMA_FAULT_TEXT_H

#include "report.h"
#include <stddef.h>

/* Everything on stderr between the two, in ret_text. */
void stderr_begin(void);
void stderr_end(char *ret_text, size_t size);

/* The remembered fault as it is printed, without "mptcp-mail-attach: " and the
 * newline; it is forgotten. Returns the exit code that goes with it. */
enum mma_exit fault_read(int err, char *ret_text, size_t size);

#endif
