// SPDX-License-Identifier: GPL-2.0-only
/* ports_parse(): every form of LIST, and every bad one with its message. */
#include "suite.h"
#include "fake_files.h"
#include "fault_text.h"
#include "ports.h"

#include <errno.h>
#include <string.h>

#define L MMA_ROLE_LISTEN
#define C MMA_ROLE_CONNECT
#define B MMA_ROLE_BOTH

#define SERVICES "services of the test"

static const char services[] = "# comment\n"
			       "\n"
			       "smtp\t\t25/tcp\t\tmail\n"
			       "tftp 69/udp\n"
			       "domain 53/udp\n"
			       "domain 53/tcp\n"
			       "imap2 143/tcp imap # Interim Mail Access P 2 and 4\n"
			       "  imaps   993/tcp\n"
			       "submission 587/tcp # msa is in a comment\n"
			       "many 1001/tcp one two three four\n"
			       "http-alt 8080/tcp webcache\n"
			       "big 70000/tcp\n"
			       "zero 0/tcp\n"
			       "broken\n"
			       "sctp-only 9000/sctp\n"
			       "last 65535/tcp";

struct run {
	uint16_t first, last;
	uint8_t roles;
};

static const struct good {
	const char *name; /* the list */
	struct run runs[6]; /* the ports in it; ends with roles 0 */
} good[] = {
	{ "25", { { 25, 25, B } } },
	{ "1", { { 1, 1, B } } },
	{ "65535", { { 65535, 65535, B } } },
	{ "00025", { { 25, 25, B } } },
	{ "25,465,587", { { 25, 25, B }, { 465, 465, B }, { 587, 587, B } } },
	{ "25/listen", { { 25, 25, L } } },
	{ "25/connect", { { 25, 25, C } } },
	{ "25/listen,25/connect", { { 25, 25, B } } },
	{ "25/listen,25/listen", { { 25, 25, L } } },
	{ "25/connect,25", { { 25, 25, B } } },
	{ "4190-4195", { { 4190, 4195, B } } },
	{ "4190-4190", { { 4190, 4190, B } } },
	{ "1-65535", { { 1, 65535, B } } },
	{ "4190-4195/listen", { { 4190, 4195, L } } },
	{ "10-20/listen,15-25/connect", { { 10, 14, L }, { 15, 20, B }, { 21, 25, C } } },
	{ "all", { { 0, 0, B } } },
	{ "all/listen", { { 0, 0, L } } },
	{ "all/connect,25/listen", { { 0, 0, C }, { 25, 25, L } } },
	{ "smtp", { { 25, 25, B } } },
	{ "mail", { { 25, 25, B } } },
	{ "smtp/connect", { { 25, 25, C } } },
	{ "smtp,imaps", { { 25, 25, B }, { 993, 993, B } } },
	{ "imap", { { 143, 143, B } } },
	{ "domain", { { 53, 53, B } } },
	{ "one,four/listen", { { 1001, 1001, B } } },
	{ "http-alt", { { 8080, 8080, B } } },
	{ "http-alt/listen", { { 8080, 8080, L } } },
	{ "last", { { 65535, 65535, B } } },
	{ "smtp,465,4190-4191/listen,all/connect",
	  { { 0, 0, C }, { 25, 25, B }, { 465, 465, B }, { 4190, 4191, L } } },
};

#define FORMS "; write a number from 1 to 65535, a range as 4190-4195 or a name as imaps"
#define RANGE " is out of range; ports are 1 to 65535, and \"all\" stands for every one"
#define ROLES "\"; the roles are listen and connect, and a bare port is both"
#define UNKNOWN ": not a TCP service in " SERVICES "; use the port's number"
#define EMPTY "an empty item in a port list; write it as 25,465,587"

static const struct bad {
	const char *name; /* the list */
	const char *message;
} bad[] = {
	{ "", EMPTY },
	{ ",", EMPTY },
	{ "25,", EMPTY },
	{ ",25", EMPTY },
	{ "25,,465", EMPTY },
	{ "0", "0: port 0" RANGE },
	{ "0-5", "0-5: port 0" RANGE },
	{ "65536", "65536: port 65536" RANGE },
	{ "999999", "999999: port 999999" RANGE },
	{ "65530-65536", "65530-65536: port 65536" RANGE },
	{ "65536/listen", "65536/listen: port 65536" RANGE },
	{ "25x", "25x: not a port" FORMS },
	{ "80x81", "80x81: not a port" FORMS },
	{ "0x19", "0x19: not a port" FORMS },
	{ "25.0", "25.0: not a port" FORMS },
	{ "25 ", "25 : not a port" FORMS },
	{ "25;465", "25;465: not a port" FORMS },
	{ "0000025", "0000025: not a port" FORMS },
	{ "99999999999999999999", "99999999999999999999: not a port" FORMS },
	{ "10-20-30", "10-20-30: not a port" FORMS },
	{ "10-", "10-: not a port" FORMS },
	{ "10-20x", "10-20x: not a port" FORMS },
	{ "10--20", "10--20: not a port" FORMS },
	{ "25-smtp", "25-smtp: not a port" FORMS },
	{ "4195-4190", "4195-4190: the range runs backwards; write 4190-4195" },
	{ "20-10/listen", "20-10/listen: the range runs backwards; write 10-20" },
	{ "25/", "25/: unknown role \"" ROLES },
	{ "25/both", "25/both: unknown role \"both" ROLES },
	{ "25/LISTEN", "25/LISTEN: unknown role \"LISTEN" ROLES },
	{ "25/listen/connect", "25/listen/connect: unknown role \"listen/connect" ROLES },
	{ "25/tcp", "25/tcp: unknown role \"tcp" ROLES },
	{ "all/none", "all/none: unknown role \"none" ROLES },
	{ "+25", "+25" UNKNOWN },
	{ " 25", " 25" UNKNOWN },
	{ "-25", "-25" UNKNOWN },
	{ "/listen", "/listen: no port before the role; write it as 25/listen" },
	{ "/", "/: no port before the role; write it as 25/listen" },
	{ "25,/connect", "/connect: no port before the role; write it as 25/listen" },
	{ "ALL", "ALL" UNKNOWN },
	{ "nosuch", "nosuch" UNKNOWN },
	{ "nosuch/listen", "nosuch" UNKNOWN },
	{ "no-such", "no-such" UNKNOWN },
	{ "smt", "smt" UNKNOWN },
	{ "smtpx", "smtpx" UNKNOWN },
	{ "tftp", "tftp" UNKNOWN }, /* only has udp */
	{ "sctp-only", "sctp-only" UNKNOWN },
	{ "msa", "msa" UNKNOWN }, /* occurs only in a comment */
	{ "#", "#" UNKNOWN },
	{ "25/tcp,smtp", "25/tcp: unknown role \"tcp" ROLES },
	{ "big", "big" UNKNOWN },
	{ "zero", "zero" UNKNOWN },
	{ "broken", "broken" UNKNOWN },
	{ "465,25x", "25x: not a port" FORMS },
};

static struct port_list list;

static int parse(const char *text)
{
	memset(&list, 0, sizeof(list));
	fake_files_forget();
	fake_file(SERVICES, services);
	return ports_parse(text, SERVICES, &list);
}

static void reads(void **state)
{
	const struct good *row = *state;

	assert_int_equal(parse(row->name), 0);
	assert_true(list.any);
	for (uint32_t port = 0; port < MMA_MAX_PORTS; port++) {
		uint8_t roles = 0;

		for (const struct run *run = row->runs; run->roles; run++)
			if (port >= run->first && port <= run->last)
				roles = run->roles;
		if (list.roles[port] != roles)
			fail_because("port %u: roles %u, not %u", port, list.roles[port], roles);
	}
}

static void refuses(void **state)
{
	const struct bad *row = *state;
	char text[4096];
	int err = parse(row->name);

	assert_int_equal(err, -EINVAL);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, row->message);
}

static void refuses_a_long_item(void **state)
{
	char item[200], text[4096];

	(void)state;
	memset(item, 'a', sizeof(item));
	item[128] = '\0';
	assert_int_equal(fault_read(parse(item), text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(
		text,
		"aaaaaaaaaaaaaaaaaaaa…: too long for a port; write ports as 25, 4190-4195 or imaps");
	item[127] = '\0';
	assert_int_equal(fault_read(parse(item), text, sizeof(text)), MMA_EXIT_USAGE);
	assert_non_null(strstr(text, UNKNOWN));
}

static void names_a_missing_file(void **state)
{
	char text[4096];
	int err;

	(void)state;
	parse("25");
	fake_file(SERVICES, NULL);
	err = ports_parse("smtp", SERVICES, &list);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_USAGE);
	assert_string_equal(text, "smtp: a service name, and " SERVICES
				  " cannot be read (No such file or directory);"
				  " use the port's number");
	assert_int_equal(ports_parse("25,all,4190-4195/listen", SERVICES, &list), 0);
}

static void reads_etc_services(void **state)
{
	(void)state;
	parse("25");
	fake_file("/etc/services", "ours 4242/tcp\n");
	assert_int_equal(ports_parse("ours/listen", NULL, &list), 0);
	assert_int_equal(list.roles[4242], L);
}

static void lists_unite(void **state)
{
	(void)state;
	assert_int_equal(parse("25/listen,143"), 0);
	assert_int_equal(ports_parse("25/connect,993", SERVICES, &list), 0);
	assert_int_equal(list.roles[25], B);
	assert_int_equal(list.roles[143], B);
	assert_int_equal(list.roles[993], B);
}

static void default_list(void **state)
{
	static const uint16_t mail[] = { 25, 110, 143, 465, 587, 993, 995 };
	const struct port_list *usual = ports_default();
	size_t next = 0;

	(void)state;
	assert_true(usual->any);
	for (uint32_t port = 0; port < MMA_MAX_PORTS; port++) {
		bool in = next < ARRAY_SIZE(mail) && mail[next] == port;

		assert_int_equal(usual->roles[port], in ? L : 0);
		next += in;
	}
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, reads, good);
	add_table(&suite, refuses, bad);
	add_test(&suite, "an item of 128 bytes is too long", refuses_a_long_item, NULL);
	add_test(&suite, "no services(5): names fail, numbers do not", names_a_missing_file, NULL);
	add_test(&suite, "NULL stands for /etc/services", reads_etc_services, NULL);
	add_test(&suite, "several lists unite", lists_unite, NULL);
	add_test(&suite, "the default list: mail ports, listen only", default_list, NULL);
	add_test(&suite, "every file was closed", no_file_is_open, NULL);
	return run_suite("ports", &suite);
}
