// SPDX-License-Identifier: GPL-2.0-only
#include "attached/account.h"
#include "host/kernel.h"
#include "attached/pins.h"
#include "report.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N_WATCHED (sizeof(watched) / sizeof(watched[0]))
#define NOT_COUNTED "connections will not be counted: "

/* The name of a program is that of its pins. */
static const struct {
	const char *name, *function;
} watched[] = {
	{ MMA_PIN_ACCOUNT_EVENT, "mptcp_event" },
	{ MMA_PIN_ACCOUNT_EVENT_2, "mptcp_event" },
	{ MMA_PIN_ACCOUNT_ACCEPT, "mptcp_subflow_drop_ctx" },
	{ MMA_PIN_ACCOUNT_CONNECT, "subflow_finish_connect" },
};

static struct bpf_link *links[N_WATCHED]; /* of this run */

static void drop_links(void)
{
	for (size_t i = 0; i < N_WATCHED; i++) {
		bpf_link__destroy(links[i]);
		links[i] = NULL;
	}
}

/* In the old ones' place, before the links: a run that is killed between the two
 * leaves links of other programs, by which the next one knows. */
static int pin_programs(const struct bpf_object *object)
{
	int err = 0;

	for (size_t i = 0; !err && i < N_WATCHED; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(object, watched[i].name);

		err = pin_replace(bpf_program__fd(program), MMA_PIN_PROGS, watched[i].name);
	}
	return err;
}

void account_attach(const struct bpf_object *object)
{
	for (size_t i = 0; i < N_WATCHED; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(object, watched[i].name);

		if (bpf_program__fd(program) < 0) /* refused, and said so */
			break;
		links[i] = bpf_program__attach(program);
		if (links[i])
			continue;
		note(NOT_COUNTED "%s: this kernel refuses a program on it (%s); all else works",
		     watched[i].function, strerror(errno));
		break;
	}
	if (links[N_WATCHED - 1]) {
		if (!pin_programs(object))
			return;
		note(NOT_COUNTED "%s", fault_remembered());
		fault_forget();
	}
	drop_links();
}

static int pin_link(size_t i)
{
	int err = pin_replace(bpf_link__fd(links[i]), MMA_PIN_LINKS, watched[i].name);

	if (!err)
		bpf_link__disconnect(links[i]); /* the pin holds it */
	return err;
}

static void unpin(void)
{
	for (size_t i = 0; i < N_WATCHED; i++)
		if (pin_remove(MMA_PIN_LINKS, watched[i].name) ||
		    pin_remove(MMA_PIN_PROGS, watched[i].name))
			fault_forget();
}

void account_settle(void)
{
	bool attached = links[0];

	for (size_t i = 0; attached && i < N_WATCHED; i++) {
		if (!pin_link(i))
			continue;
		note(NOT_COUNTED "%s", fault_remembered());
		fault_forget();
		attached = false;
	}
	if (!attached)
		unpin();
	drop_links();
}

/* The program's id by its own pin, 0 where there is none. */
static uint32_t pinned_program(const char *name)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = pin_open(MMA_PIN_PROGS, name);

	if (fd < 0)
		return 0;
	if (bpf_prog_get_info_by_fd(fd, &info, &len) || info.type != BPF_PROG_TYPE_TRACING)
		info.id = 0;
	close(fd);
	return info.id;
}

/* Whose program is attached by its pinned link, 0 where none is. */
static uint32_t attached_program(const char *name)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = pin_open(MMA_PIN_LINKS, name);

	if (fd < 0)
		return 0;
	if (bpf_link_get_info_by_fd(fd, &info, &len) || info.type != BPF_LINK_TYPE_TRACING)
		info.prog_id = 0;
	close(fd);
	return info.prog_id;
}

/* The first that is not as it should be, or N_WATCHED. */
static size_t first_amiss(bool *ret_loaded)
{
	for (size_t i = 0; i < N_WATCHED; i++) {
		uint32_t loaded = pinned_program(watched[i].name);

		*ret_loaded = loaded;
		if (!loaded || attached_program(watched[i].name) != loaded)
			return i;
	}
	return N_WATCHED;
}

bool account_is_settled(void)
{
	bool loaded;

	return first_amiss(&loaded) == N_WATCHED || !loaded;
}

static const char *missing_function(void)
{
	for (size_t i = 0; i < N_WATCHED; i++)
		if (!kernel_has_function(watched[i].function))
			return watched[i].function;
	return NULL;
}

bool account_may_return(void)
{
	bool loaded;

	return first_amiss(&loaded) != N_WATCHED && !missing_function();
}

const char *account_reason(void)
{
	static char text[128];
	const char *function;
	bool loaded;
	size_t i = first_amiss(&loaded);

	if (i == N_WATCHED)
		return NULL;
	function = missing_function();
	if (function)
		snprintf(text, sizeof(text), "this kernel has no function %s", function);
	else
		snprintf(text, sizeof(text), "no program on %s; repair: --refresh",
			 watched[i].function);
	return text;
}
