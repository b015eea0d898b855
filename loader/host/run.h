/* SPDX-License-Identifier: GPL-2.0-only */
/* Running another program, such as systemctl(1), and reading what it prints. */
#ifndef MMA_RUN_H
#define MMA_RUN_H

#include <stddef.h>

/* args[0] is looked for in PATH. With ret_text, what it prints goes there as far as it
 * fits, and its errors nowhere; without, both to our own output. Returns its exit code,
 * or -errno. */
int run_program(char *const args[], char *ret_text, size_t size);

#endif
