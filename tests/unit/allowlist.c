// SPDX-License-Identifier: GPL-2.0-only
/* Entries of the map `ports` under --port, --allow and --deny, and edits of the map
 * with their undo. The linker's --wrap of bpf_map_* provides the map. */
#include "suite.h"
#include "fault_text.h"
#include "ports.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>

#define N MMA_ROLE_NONE
#define L MMA_ROLE_LISTEN
#define C MMA_ROLE_CONNECT
#define B MMA_ROLE_BOTH
#define NONE (-1) /* no entry */

enum op { ADD, ALLOW, DENY };

static ports_edit_fn *const edits[] = { ports_added, ports_allowed, ports_denied };

struct step {
	enum op op;
	uint8_t roles;
};

/* Successive steps on a port without an entry, and the roles that may speak MPTCP after
 * the last one. Bits other than the roles are private to the loader. */
static const struct row {
	const char *name;
	int own, all;
	struct step steps[5]; /* ends with roles 0 */
	uint8_t result;
} rows[] = {
	{ "--port on nothing", NONE, NONE, { { ADD, B } }, B },
	{ "--port of one role on nothing", NONE, NONE, { { ADD, L } }, L },
	{ "--port adds the other role", NONE, NONE, { { ADD, L }, { ADD, C } }, B },
	{ "--port again changes nothing", NONE, NONE, { { ADD, L }, { ADD, L } }, L },
	{ "--port takes nothing away", B, NONE, { { ADD, L } }, B },
	{ "--allow on nothing", NONE, NONE, { { ALLOW, C } }, C },
	{ "--allow adds the other role", L, NONE, { { ALLOW, C } }, B },
	{ "--deny on nothing", NONE, NONE, { { DENY, B } }, N },
	{ "--deny takes both roles", B, NONE, { { DENY, B } }, N },
	{ "--deny takes one role", B, NONE, { { DENY, L } }, C },
	{ "--deny of a role that was not there", L, NONE, { { DENY, C } }, L },

	{ "denied: --port does not raise it", B, NONE, { { DENY, B }, { ADD, B } }, N },
	{ "denied: --port of one role does not", B, NONE, { { DENY, B }, { ADD, L } }, N },
	{ "denied on nothing: --port does not", NONE, NONE, { { DENY, B }, { ADD, B } }, N },
	{ "denied by bpftool (0): --port does not", N, NONE, { { ADD, B } }, N },
	{ "denied: --allow raises it", B, NONE, { { DENY, B }, { ALLOW, B } }, B },
	{ "denied: --allow of one role raises it", B, NONE, { { DENY, B }, { ALLOW, L } }, L },
	{ "denied, allowed: --port adds again",
	  B,
	  NONE,
	  { { DENY, B }, { ALLOW, B }, { DENY, C }, { ALLOW, C } },
	  B },

	{ "one role denied: --port does not raise it", B, NONE, { { DENY, L }, { ADD, B } }, C },
	{ "one role denied twice: the same", B, NONE, { { DENY, L }, { DENY, L }, { ADD, B } }, C },
	{ "one role denied: --allow raises it", B, NONE, { { DENY, L }, { ALLOW, L } }, B },
	{ "one role denied: --allow of the other keeps that",
	  B,
	  NONE,
	  { { DENY, L }, { ALLOW, C }, { ADD, B } },
	  C },
	{ "one role denied, none left: --port adds the other",
	  L,
	  NONE,
	  { { DENY, L }, { ADD, B } },
	  C },
	{ "one role denied on nothing: --port adds the other",
	  NONE,
	  NONE,
	  { { DENY, C }, { ADD, B } },
	  L },
	{ "both denied one by one: --port raises neither",
	  B,
	  NONE,
	  { { DENY, L }, { DENY, C }, { ADD, B } },
	  N },
	{ "both denied, one allowed: the other stays denied",
	  B,
	  NONE,
	  { { DENY, B }, { ALLOW, C }, { ADD, B } },
	  C },

	{ "under all: one role added, the other stays", NONE, L, { { ADD, C } }, B },
	{ "under all: one role allowed, the other stays", NONE, C, { { ALLOW, L } }, B },
	{ "under all: one role denied, the other stays", NONE, B, { { DENY, L } }, C },
	{ "under all: denied", NONE, B, { { DENY, B } }, N },
	{ "under all: denied, --port does not raise it", NONE, B, { { DENY, B }, { ADD, B } }, N },
	{ "own entry beats all: --port", L, B, { { ADD, L } }, L },
	{ "own entry beats all: denied", N, B, { { ADD, B } }, N },
	{ "own entry beats all: --allow", N, B, { { ALLOW, L } }, L },
	{ "all denied: --port of a port adds it", NONE, N, { { ADD, L } }, L },
	{ "a denied role of all is not inherited as denied", NONE, L | C << 4, { { ADD, C } }, B },

	{ "bits that mean nothing are dropped: --port", 0x84 | L, NONE, { { ADD, C } }, B },
	{ "bits that mean nothing are dropped: --allow", 0xcc | L, NONE, { { ALLOW, C } }, B },
	{ "bits that mean nothing are dropped: --deny", 0x84 | B, NONE, { { DENY, C } }, L },
};

static void results_in(void **state)
{
	const struct row *row = *state;
	int own = row->own;

	for (const struct step *step = row->steps; step->roles; step++)
		own = edits[step->op](own, row->all, step->roles);
	assert_int_equal(own & MMA_ROLE_BOTH, row->result);
	assert_int_equal(own & ~(MMA_ROLE_BOTH | MMA_ROLE_BOTH << 4), 0);
}

/* What the contract promises to bpftool users: plain numbers, wherever they suffice. */
static void plain_numbers(void **state)
{
	(void)state;
	assert_int_equal(ports_added(NONE, NONE, B), 3);
	assert_int_equal(ports_added(NONE, NONE, L), 1);
	assert_int_equal(ports_allowed(N, NONE, C) & B, 2);
	assert_int_equal(ports_denied(B, NONE, B), 0);
	assert_int_equal(ports_denied(NONE, NONE, B), 0);
}

/* The map: MMA_MAX_PORTS entries, and one write that fails. */
static int16_t map[MMA_MAX_PORTS];
static int writes, fail_at; /* fail_at: the write that fails; 0: none */
static int unreadable; /* the port whose entry cannot be read; 0: none */

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_delete_elem(int fd, const void *key);

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	(void)fd;
	if (unreadable && *(const uint16_t *)key == unreadable)
		return -ENOMEM;
	if (map[*(const uint16_t *)key] < 0)
		return -ENOENT;
	*(uint8_t *)value = (uint8_t)map[*(const uint16_t *)key];
	return 0;
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd;
	assert_int_equal(flags, 0);
	if (++writes == fail_at)
		return -ENOMEM;
	map[*(const uint16_t *)key] = *(const uint8_t *)value;
	return 0;
}

int __wrap_bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd;
	map[*(const uint16_t *)key] = -1;
	return 0;
}

static struct port_list list;
static struct port_undo undo;

static void start(const char *text)
{
	memset(map, 0xff, sizeof(map));
	memset(&list, 0, sizeof(list));
	writes = fail_at = unreadable = 0;
	assert_int_equal(ports_parse(text, NULL, &list), 0);
}

static void edits_the_listed_ports_alone(void **state)
{
	(void)state;
	start("25/listen,4190-4195");
	map[25] = C;
	map[80] = L;
	assert_int_equal(ports_edit(3, &list, ports_added, NULL), 0);
	for (uint32_t port = 0; port < MMA_MAX_PORTS; port++) {
		int want = NONE;

		if (port == 25 || (port >= 4190 && port <= 4195))
			want = B;
		else if (port == 80)
			want = L;
		assert_int_equal(map[port], want);
	}
}

static void writes_only_what_changes(void **state)
{
	(void)state;
	start("25,26");
	map[25] = B;
	assert_int_equal(ports_edit(3, &list, ports_added, NULL), 0);
	assert_int_equal(writes, 1);
}

static void all_counts_for_a_port_without_entry(void **state)
{
	(void)state;
	start("25/connect");
	map[MMA_PORT_ALL] = L;
	assert_int_equal(ports_edit(3, &list, ports_added, NULL), 0);
	assert_int_equal(map[25], B);
	assert_int_equal(map[MMA_PORT_ALL], L);
}

static void all_is_a_port_of_its_own(void **state)
{
	(void)state;
	start("all/listen");
	assert_int_equal(ports_edit(3, &list, ports_added, NULL), 0);
	assert_int_equal(map[MMA_PORT_ALL], L);
	assert_int_equal(ports_edit(3, &list, ports_denied, NULL), 0);
	assert_int_equal(map[MMA_PORT_ALL] & B, N);
	for (uint32_t port = 1; port < MMA_MAX_PORTS; port++)
		assert_int_equal(map[port], NONE);
}

static void undo_puts_back(void **state)
{
	static int16_t before[MMA_MAX_PORTS];

	(void)state;
	start("all,1-100/listen,143");
	map[10] = N;
	map[11] = C;
	map[143] = L;
	memcpy(before, map, sizeof(map));
	assert_int_equal(ports_edit(3, &list, ports_allowed, &undo), 0);
	assert_memory_not_equal(before, map, sizeof(map));
	ports_undo(3, &list, &undo);
	assert_memory_equal(before, map, sizeof(map));
}

static void a_failed_edit_changes_nothing(void **state)
{
	static int16_t before[MMA_MAX_PORTS];
	char text[4096];
	int err;

	(void)state;
	start("1-100/listen");
	map[10] = N;
	map[11] = C;
	memcpy(before, map, sizeof(map));
	fail_at = 60;
	err = ports_edit(3, &list, ports_allowed, NULL);
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(fault_read(err, text, sizeof(text)), MMA_EXIT_FAILED);
	assert_string_equal(text, "port 60: cannot be written to the allowlist"
				  " (Cannot allocate memory); nothing was changed");
	assert_memory_equal(before, map, sizeof(map));
}

/* That differs from a port without an entry, which --port would raise. */
static void an_unreadable_entry_changes_nothing(void **state)
{
	static int16_t before[MMA_MAX_PORTS];

	(void)state;
	start("1-100/listen");
	map[60] = N;
	memcpy(before, map, sizeof(map));
	unreadable = 60;
	assert_int_equal(ports_edit(3, &list, ports_added, NULL), -ENOMEM);
	assert_memory_equal(before, map, sizeof(map));
	fault_drop();
}

/* Wherever they are: ports_edit() searches the list in strides. */
static void an_edit_finds_every_port(void **state)
{
	(void)state;
	start("all");
	list.roles[MMA_PORT_ALL] = 0;
	for (uint32_t first = 0; first < MMA_MAX_PORTS; first += first < 40 ? 1 : 977) {
		for (uint32_t second = first; second < first + 20; second++) {
			uint16_t ports[] = { (uint16_t)first, (uint16_t)second, UINT16_MAX };

			writes = 0;
			for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
				list.roles[ports[i]] = L;
			assert_int_equal(ports_edit(3, &list, ports_added, NULL), 0);
			for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
				if (list.roles[ports[i]]) { /* otherwise a duplicate */
					assert_int_equal(map[ports[i]], L);
					writes--;
				}
				list.roles[ports[i]] = 0;
				map[ports[i]] = NONE;
			}
			assert_int_equal(writes, 0);
		}
	}
}

int main(void)
{
	static struct suite suite;

	add_table(&suite, results_in, rows);
	add_test(&suite, "values are the contract's plain numbers", plain_numbers, NULL);
	add_test(&suite, "an edit touches the listed ports alone", edits_the_listed_ports_alone,
		 NULL);
	add_test(&suite, "an edit finds every port", an_edit_finds_every_port, NULL);
	add_test(&suite, "an edit writes only what changes", writes_only_what_changes, NULL);
	add_test(&suite, "an edit of one port keeps what all gave it",
		 all_counts_for_a_port_without_entry, NULL);
	add_test(&suite, "an edit of all touches no port", all_is_a_port_of_its_own, NULL);
	add_test(&suite, "undo puts every entry back", undo_puts_back, NULL);
	add_test(&suite, "an edit that fails half-way changes nothing",
		 a_failed_edit_changes_nothing, NULL);
	add_test(&suite, "an entry that cannot be read is not one that is missing",
		 an_unreadable_entry_changes_nothing, NULL);
	return run_suite("allowlist", &suite);
}
