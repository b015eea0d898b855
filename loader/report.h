/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one error path. A function that fails remembers a message with fault(),
 * fault_usage() or fault_kernel(), and returns the negative errno that they yield. main()
 * prints the message once and exits with its code. A caller that continues in spite of a
 * failure calls fault_drop() or fault_note().
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
	MMA_EXIT_KERNEL = 3, /* this kernel lacks something */
};

/* -1: -q; 0: neither; 1: -v; 2: -vv, with libbpf's log. */
void report_set_verbosity(int verbosity);

/*
 * Remembers "object: cause; remedy"; object and remedy are optional. The marks that split
 * it are in fmt, not in its arguments: the first "; ", and the first ": " before that. The
 * first fault stays: one that happens during the rollback is a consequence.
 */
void fault_remember(enum mma_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The negative errno of a fault: never 0, even if errno was. */
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

/* Each remembers a printf-like message and yields -err. */
#define fault(err, ...) fault_with(MMA_EXIT_FAILED, err, __VA_ARGS__)
#define fault_usage(...) fault_with(MMA_EXIT_USAGE, EINVAL, __VA_ARGS__)
#define fault_kernel(err, ...) fault_with(MMA_EXIT_KERNEL, err, __VA_ARGS__)

/* Prepends "what: " to the remembered message, if there is one. */
void fault_about(const char *what);

/* A remembered message; parts that it lacks are "". */
struct fault {
	const char *object, *cause, *remedy;
	const char *text; /* the whole message: "object: cause; remedy" */
};

/* The remembered fault, or NULL. Valid until fault_told(), fault_drop() or fault_note(). */
const struct fault *fault_remembered(void);

/* Forgets the remembered fault, which the caller has reported in its own way. */
void fault_told(void);

/* For a caller that continues in spite of a fault, if there is one: only -v shows it. */
void fault_drop(void);

/* The same, but the user may want to know: prints the note "before: fault; behind".
 * before and behind may be NULL. */
void fault_note(const char *before, const char *behind);

/* Passes each libbpf warning to hear, with or without -vv; NULL stops that. Only libbpf's
 * log says which program could not be loaded. */
typedef void libbpf_warning_fn(const char *text);
void report_hear_libbpf(libbpf_warning_fn *hear);

/* Warns as libbpf does, in its log: for what the loader does in its place. */
__attribute__((format(printf, 1, 2))) void report_as_libbpf(const char *fmt, ...);

/* Prints the remembered fault, or strerror(-err) if there is none. Returns the exit code. */
enum mma_exit report_fault(int err);

/* Prints what the user may want to know, except with -q. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints only with -v. */
void detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Escapes the control characters of a name (\x1b), which may come from anyone.
 * Returns ret_text, always NUL-terminated. */
const char *visible(const char *name, char *ret_text, size_t size);

#endif
