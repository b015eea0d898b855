/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs another program, such as systemctl(1), and reads what it prints. */
#ifndef MMA_RUN_H
#define MMA_RUN_H

#include <stddef.h>

/* Searches PATH for args[0]. ret_text gets as much of standard output as fits, and standard error
 * is dropped; if ret_text is NULL, both go where ours go. Returns the exit code, or -errno. */
int run_program(char *const args[], char *ret_text, size_t size);

#endif
