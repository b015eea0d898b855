/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one error path. A function that fails remembers what to tell with one of
 * fault(), fault_usage() and fault_kernel(), and returns their negative errno upwards;
 * main() prints it once and exits with the code that goes with it. Who goes on
 * without what failed says so: by fault_drop() or fault_note().
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

/*
 * Remembers "object: cause; remedy", of which the first and the last may be missing. The
 * marks are those of fmt: its first "; ", and the first ": " before that. What a name that
 * is filled in contains is no mark. The first fault stays: what fails while things are put
 * back is its consequence.
 */
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

/* What a fault tells; "" what it does not tell. */
struct fault {
	const char *object, *cause, *remedy;
	const char *text; /* all of it: "object: cause; remedy" */
};

/* The remembered fault, or NULL. Valid until it is told or dropped. */
const struct fault *fault_remembered(void);

/* Its text was told in another way than by main(). */
void fault_told(void);

/* For a caller that goes on without what failed, if anything did: -v shows it. */
void fault_drop(void);

/* The same, and the user may want to know: a note "before: fault; behind", of which
 * either may be NULL. */
void fault_note(const char *before, const char *behind);

/* Hears each warning of libbpf, whatever -vv shows; NULL: no more. It is only by its log
 * that libbpf tells which program it could not load. */
typedef void libbpf_warning_fn(const char *text);
void report_hear_libbpf(libbpf_warning_fn *hear);

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
