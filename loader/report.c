// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "mptcp-mail-attach"

static int verbosity;
static char fault_text[2048];
static enum mma_exit fault_exit = MMA_EXIT_FAILED;

__attribute__((format(printf, 2, 0))) static int print_libbpf(enum libbpf_print_level level,
							      const char *fmt, va_list args)
{
	(void)level;
	return verbosity >= 2 ? vfprintf(stderr, fmt, args) : 0;
}

void report_set_verbosity(int value)
{
	verbosity = value;
	libbpf_set_print(print_libbpf);
}

void fault_remember(enum mma_exit code, const char *fmt, ...)
{
	va_list args;

	if (fault_text[0])
		return;
	fault_exit = code;
	va_start(args, fmt);
	vsnprintf(fault_text, sizeof(fault_text), fmt, args);
	va_end(args);
}

void fault_about(const char *what)
{
	char text[sizeof(fault_text)];

	memcpy(text, fault_text, sizeof(text));
	snprintf(fault_text, sizeof(fault_text), "%.512s: %.*s", what, (int)sizeof(text) - 520,
		 text);
}

void fault_forget(void)
{
	fault_text[0] = '\0';
	fault_exit = MMA_EXIT_FAILED;
}

const char *fault_remembered(void)
{
	return fault_text;
}

const char *visible(const char *name, char *ret_text, size_t size)
{
	const unsigned char *c = (const unsigned char *)name;
	size_t used = 0;

	for (; *c && used + 5 < size; c++) {
		/* C0, DEL, and C1 as UTF-8 writes it */
		bool c1 = *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if (*c >= 0x20 && *c != 0x7f && !c1) {
			ret_text[used++] = (char)*c;
			continue;
		}
		if (c1)
			c++;
		used += (size_t)snprintf(ret_text + used, size - used, "\\x%02x", *c);
	}
	if (size)
		ret_text[used] = '\0';
	return ret_text;
}

static void print_line(const char *text)
{
	char line[4 * sizeof(fault_text)];

	fprintf(stderr, PROGRAM ": %s\n", visible(text, line, sizeof(line)));
}

enum mma_exit report_fault(int err)
{
	if (!fault_text[0])
		snprintf(fault_text, sizeof(fault_text), "%s", strerror(-err));
	print_line(fault_text);
	return fault_exit;
}

__attribute__((format(printf, 2, 0))) static void print_if(int needed, const char *fmt,
							   va_list args)
{
	char text[sizeof(fault_text)];

	if (verbosity < needed)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	print_line(text);
}

void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_if(0, fmt, args);
	va_end(args);
}

void detail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_if(1, fmt, args);
	va_end(args);
}
