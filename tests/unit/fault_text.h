/* SPDX-License-Identifier: GPL-2.0-only */
/* How a fault, or anything else on stderr, looks to the user. */
#ifndef MMA_FAULT_TEXT_H
#define MMA_FAULT_TEXT_H

#include "report.h"
#include <stddef.h>

/* Everything on stderr between the two goes to ret_text. */
void stderr_begin(void);
void stderr_end(char *ret_text, size_t size);

/* The remembered fault as it is printed, without "mptcp-mail-attach: " and the newline;
 * forgets it. Returns its exit code. */
enum mma_exit fault_read(int err, char *ret_text, size_t size);

#endif
