// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "mptcp-mail-attach"

static int verbosity;
static libbpf_warning_fn *heard;
static char fault_text[2048];
static char fault_parts[sizeof(fault_text)]; /* the same, split by NULs */
static struct fault remembered;
static enum mma_exit fault_exit = MMA_EXIT_FAILED;

__attribute__((format(printf, 2, 0))) static int print_libbpf(enum libbpf_print_level level,
							      const char *fmt, va_list args)
{
	char text[256];
	va_list again;

	if (heard && level == LIBBPF_WARN) {
		va_copy(again, args);
		vsnprintf(text, sizeof(text), fmt, again);
		va_end(again);
		heard(text);
	}
	return verbosity >= 2 ? vfprintf(stderr, fmt, args) : 0;
}

void report_hear_libbpf(libbpf_warning_fn *hear)
{
	heard = hear;
	libbpf_set_print(print_libbpf);
}

void report_as_libbpf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_libbpf(LIBBPF_WARN, fmt, args);
	va_end(args);
}

void report_set_verbosity(int value)
{
	verbosity = value;
	libbpf_set_print(print_libbpf);
}

/* Splits fault_parts at a mark in fmt. Formats fmt up to the mark to find its place in
 * the text. Returns the piece after it, or "" if the text is truncated before that. */
__attribute__((format(printf, 1, 0))) static const char *cut_at(const char *fmt, const char *mark,
								va_list args)
{
	char head[sizeof(fault_text)];
	size_t len;

	snprintf(head, sizeof(head), "%.*s", (int)(mark - fmt), fmt);
	len = (size_t)vsnprintf(NULL, 0, head, args);
	if (len + 2 >= sizeof(fault_parts))
		return "";
	fault_parts[len] = '\0';
	return fault_parts + len + 2;
}

void fault_remember(enum mma_exit code, const char *fmt, ...)
{
	const char *colon = strstr(fmt, ": "), *semicolon = strstr(fmt, "; ");
	va_list args;

	if (remembered.text)
		return;
	fault_exit = code;
	va_start(args, fmt);
	vsnprintf(fault_text, sizeof(fault_text), fmt, args);
	va_end(args);
	memcpy(fault_parts, fault_text, sizeof(fault_parts));
	remembered = (struct fault){ "", fault_parts, "", fault_text };
	if (colon && (!semicolon || colon < semicolon)) {
		va_start(args, fmt);
		remembered.object = fault_parts;
		remembered.cause = cut_at(fmt, colon, args);
		va_end(args);
	}
	if (semicolon) {
		va_start(args, fmt);
		remembered.remedy = cut_at(fmt, semicolon, args);
		va_end(args);
	}
}

void fault_about(const char *what)
{
	char text[sizeof(fault_text)];
	enum mma_exit code = fault_exit;

	if (!remembered.text)
		return;
	memcpy(text, fault_text, sizeof(text));
	fault_told();
	fault_remember(code, "%s: %s", what, text);
}

const struct fault *fault_remembered(void)
{
	return remembered.text ? &remembered : NULL;
}

void fault_told(void)
{
	memset(&remembered, 0, sizeof(remembered));
	fault_exit = MMA_EXIT_FAILED;
}

void fault_drop(void)
{
	if (remembered.text)
		detail("%s (continuing without it)", remembered.text);
	fault_told();
}

void fault_note(const char *before, const char *behind)
{
	if (remembered.text)
		note("%s%s%s%s%s", before ? before : "", before ? ": " : "", remembered.text,
		     behind ? "; " : "", behind ? behind : "");
	fault_told();
}

const char *visible(const char *name, char *ret_text, size_t size)
{
	const unsigned char *c = (const unsigned char *)name;
	size_t used = 0;

	for (; *c && used + 5 < size; c++) {
		/* C0, DEL, and C1 in UTF-8 */
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
	print_line(remembered.text ? remembered.text : strerror(-err));
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
