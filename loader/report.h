/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one error path. A function that fails remembers what to tell with one of
 * the fault_ functions and returns their negative errno upwards; main() prints
 * it once and exits with the code that goes with it.
 */
#ifndef MMA_REPORT_H
#define MMA_REPORT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

enum mma_exit {
	MMA_EXIT_DONE = 0,
	MMA_EXIT_FAILED = 1,
	MMA_EXIT_USAGE = 2,
	MMA_EXIT_KERNEL = 3, /* this kernel can't */
};

/* -1: -q, 0, 1: -v, 2: -vv with libbpf's own log. */
void report_set_verbosity(int verbosity);

/* Remembers "object: cause; remedy". The first one stays: what fails while
 * things are put back is its consequence. */
void fault_remember(enum mma_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A fault is never 0, whatever errno was. */
static inline int fault_code(int err)
{
	return err > 0 ? -err : -EIO;
}

/* clang-format off */
#define fault_with(code, err, ...)                 \
	({                                         \
		int fault_err_ = fault_code(err);  \
		fault_remember(code, __VA_ARGS__); \
		fault_err_;                        \
	})
/* clang-format on */

/* Each remembers a printf-like text and is -err. */
#define fault(err, ...) fault_with(MMA_EXIT_FAILED, err, __VA_ARGS__)
#define fault_usage(...) fault_with(MMA_EXIT_USAGE, EINVAL, __VA_ARGS__)
#define fault_kernel(err, ...) fault_with(MMA_EXIT_KERNEL, err, __VA_ARGS__)

/* Puts "what: " in front of the remembered text. */
void fault_about(const char *what);

/* For a caller that goes on without what failed. */
void fault_forget(void);

/* The remembered text, "" where there is none. Valid until it is forgotten. */
const char *fault_remembered(void);

/* Prints the remembered fault, or a bare errno where there is none. */
enum mma_exit report_fault(int err);

/* What the user may want to know; not with -q. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with -v. */
void detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes control characters of a name visible (\x1b), as it may come from
 * anyone. Returns ret_text, always terminated. */
const char *visible(const char *name, char *ret_text, size_t size);

#endif
