// SPDX-License-Identifier: GPL-2.0-only
/* Faults, notes, and names from any source. */
#include "suite.h"
#include "fault_text.h"

#include <errno.h>
#include <string.h>

static const struct row {
	const char *name, *text;
	size_t size; /* of the buffer */
	const char *seen;
} names[] = {
	{ "plain", "/system.slice/a b~", 64, "/system.slice/a b~" },
	{ "nothing", "", 64, "" },
	{ "escape", "\033[31m", 64, "\\x1b[31m" },
	{ "newline, tab, carriage return", "a\nb\tc\r", 64, "a\\x0ab\\x09c\\x0d" },
	{ "the first and the last of C0", "\001\037 ", 64, "\\x01\\x1f " },
	{ "DEL", "a\177b", 64, "a\\x7fb" },
	{ "C1, the first and the last", "\302\200\302\237", 64, "\\x80\\x9f" },
	{ "C1, the one that begins a sequence", "\302\23331m", 64, "\\x9b31m" },
	{ "just above C1", "\302\240", 64, "\302\240" },
	{ "half of a C1", "a\302", 64, "a\302" },
	{ "another script", "\303\244\342\202\254\360\237\222\214", 64,
	  "\303\244\342\202\254\360\237\222\214" },
	{ "cut off: plain", "abcdefghij", 8, "abc" },
	{ "cut off: before an escape", "ab\033c", 6, "a" },
	{ "cut off: no half escapes", "a\033\033\033", 12, "a\\x1b\\x1b" },
	{ "a buffer of one byte", "abc", 1, "" },
};

static void is_seen_as(void **state)
{
	const struct row *row = *state;
	char buffer[64 + 1];

	memset(buffer, '#', sizeof(buffer));
	assert_ptr_equal(visible(row->text, buffer, row->size), buffer);
	assert_string_equal(buffer, row->seen);
	for (size_t i = row->size; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], '#');
}

static void no_buffer(void **state)
{
	char untouched = '#';

	(void)state;
	visible("abc", &untouched, 0);
	assert_int_equal(untouched, '#');
}

static void no_control_character_is_left(void **state)
{
	char text[3] = "", seen[16];

	(void)state;
	for (int c = 1; c < 256; c++) {
		text[0] = c < 0x80 ? (char)c : '\302';
		text[1] = c < 0x80 ? '\0' : (char)c;
		visible(text, seen, sizeof(seen));
		for (const char *s = seen; *s; s++)
			assert_true((unsigned char)*s >= 0x20 && *s != 0x7f);
		if (c >= 0x80 && c < 0xa0)
			assert_int_equal(seen[0], '\\');
	}
}

static void codes(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(fault(EBUSY, "a %s", "b"), -EBUSY);
	assert_int_equal(fault_read(-EBUSY, text, sizeof(text)), MMA_EXIT_FAILED);
	assert_string_equal(text, "a b");
	assert_int_equal(fault_usage("c"), -EINVAL);
	assert_int_equal(fault_read(-EINVAL, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_int_equal(fault_kernel(ESRCH, "d"), -ESRCH);
	assert_int_equal(fault_read(-ESRCH, text, sizeof(text)), MMA_EXIT_KERNEL);
	assert_string_equal(text, "d");
}

static void first_stays(void **state)
{
	char text[256];

	(void)state;
	fault_usage("first");
	assert_int_equal(fault_kernel(EBUSY, "second"), -EBUSY);
	assert_int_equal(fault_read(-EBUSY, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, "first");
}

static void forgotten(void **state)
{
	char text[256];

	(void)state;
	fault_usage("first");
	assert_non_null(fault_remembered());
	fault_drop();
	assert_null(fault_remembered());
	assert_int_equal(fault_read(-EBUSY, text, sizeof(text)), MMA_EXIT_FAILED);
	assert_string_equal(text, strerror(EBUSY));
}

static void one_line(void **state)
{
	char text[256];

	(void)state;
	fault(EINVAL, "%s: odd", "a\nb\033[2J");
	fault_read(-EINVAL, text, sizeof(text));
	assert_string_equal(text, "a\\x0ab\\x1b[2J: odd");
}

static void has_parts(const char *object, const char *cause, const char *remedy)
{
	const struct fault *fault = fault_remembered();

	assert_non_null(fault);
	assert_string_equal(fault->object, object);
	assert_string_equal(fault->cause, cause);
	assert_string_equal(fault->remedy, remedy);
	fault_told();
	assert_null(fault_remembered());
}

/* Whatever a name contains. */
static void parts(void **state)
{
	(void)state;
	fault(EIO, "%s: cannot be read (%s); mount %s", "a: b; c", "d; e: f", "g; h: i");
	has_parts("a: b; c", "cannot be read (d; e: f)", "mount g; h: i");
	fault_usage("a: b");
	has_parts("a", "b", "");
	fault_usage("a; do b");
	has_parts("", "a", "do b");
	fault_usage("a; do b: c; d");
	has_parts("", "a", "do b: c; d");
	fault_usage("%s", "a: b; c");
	has_parts("", "a: b; c", "");
	fault_kernel(EIO, "%s", "");
	has_parts("", "", "");
	fault_usage("%.3s…: b; c: d; e", "xyzw");
	has_parts("xyz…", "b", "c: d; e");
}

/* A fault during the rollback does not change the first one. */
static void parts_of_the_first(void **state)
{
	(void)state;
	fault_usage("a: b; c");
	fault_kernel(EBUSY, "d: e; f");
	has_parts("a", "b", "c");
}

static void parts_of_a_long_fault(void **state)
{
	char object[5000];

	(void)state;
	memset(object, 'x', sizeof(object));
	object[sizeof(object) - 1] = '\0';
	fault(EINVAL, "%s: b; c", object);
	assert_int_equal(strlen(fault_remembered()->object), 2047);
	assert_string_equal(fault_remembered()->cause, "");
	assert_string_equal(fault_remembered()->remedy, "");
	fault_told();
	object[2045] = '\0';
	fault(EINVAL, "%s: b; c", object);
	assert_int_equal(strlen(fault_remembered()->object), 2045);
	assert_string_equal(fault_remembered()->cause, "");
	assert_string_equal(fault_remembered()->remedy, "");
	fault_told();
}

/* The caller continues without what failed. */
static void gone_on(void **state)
{
	static const struct {
		int level;
		const char *dropped, *noted;
	} rows[] = {
		{ -1, "", "" },
		{ 0, "", "mptcp-mail-attach: before: a: b; c; behind\n" },
		{ 1, "mptcp-mail-attach: a: b; c (continuing without it)\n",
		  "mptcp-mail-attach: before: a: b; c; behind\n" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		report_set_verbosity(rows[i].level);
		stderr_begin();
		fault_drop(); /* nothing failed */
		fault_usage("a: b; c");
		fault_drop();
		stderr_end(text, sizeof(text));
		assert_string_equal(text, rows[i].dropped);
		stderr_begin();
		fault_note("before", "behind");
		fault_usage("a: b; c");
		fault_note("before", "behind");
		stderr_end(text, sizeof(text));
		assert_string_equal(text, rows[i].noted);
		assert_null(fault_remembered());
	}
	report_set_verbosity(0);
}

static void long_fault(void **state)
{
	char object[5000], text[10000];

	(void)state;
	memset(object, 'x', sizeof(object));
	object[sizeof(object) - 1] = '\0';
	fault(EINVAL, "%s", object);
	fault_read(-EINVAL, text, sizeof(text));
	assert_int_equal(strlen(text), 2047);
	/* Escapes take four times the room. */
	memset(object, 1, sizeof(object) - 1);
	fault(EINVAL, "%s", object);
	fault_read(-EINVAL, text, sizeof(text));
	assert_int_equal(strlen(text), 4 * 2047);
	assert_string_equal(text + strlen(text) - 4, "\\x01");
}

static void verbosity(void **state)
{
	static const struct {
		int level;
		const char *said;
	} rows[] = {
		{ -1, "" },
		{ 0, "mptcp-mail-attach: n 1\n" },
		{ 1, "mptcp-mail-attach: n 1\nmptcp-mail-attach: d 2\n" },
		{ 2, "mptcp-mail-attach: n 1\nmptcp-mail-attach: d 2\n" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		report_set_verbosity(rows[i].level);
		stderr_begin();
		note("n %d", 1);
		detail("d %d", 2);
		stderr_end(text, sizeof(text));
		assert_string_equal(text, rows[i].said);
	}
	report_set_verbosity(-1);
	fault(EINVAL, "said with -q, too");
	fault_read(-EINVAL, text, sizeof(text));
	assert_string_equal(text, "said with -q, too");
	report_set_verbosity(0);
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, is_seen_as, names);
	add_test(&suite, "no buffer at all", no_buffer, NULL);
	add_test(&suite, "no control character is left", no_control_character_is_left, NULL);
	add_test(&suite, "each kind of fault has its exit code", codes, NULL);
	add_test(&suite, "the first fault stays", first_stays, NULL);
	add_test(&suite, "a forgotten fault leaves the bare errno", forgotten, NULL);
	add_test(&suite, "a fault is one line, whatever the name", one_line, NULL);
	add_test(&suite, "object, cause and remedy, whatever the names", parts, NULL);
	add_test(&suite, "object, cause and remedy of the first fault", parts_of_the_first, NULL);
	add_test(&suite, "object, cause and remedy, cut off", parts_of_a_long_fault, NULL);
	add_test(&suite, "a fault that somebody goes on without", gone_on, NULL);
	add_test(&suite, "a fault longer than its place", long_fault, NULL);
	add_test(&suite, "-q, -v and -vv", verbosity, NULL);
	return run_suite("report", &suite);
}
