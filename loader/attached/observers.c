// SPDX-License-Identifier: GPL-2.0-only
#include "attached/observers.h"
#include "host/kernel_types.h"
#include "attached/pins.h"
#include "report.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#define MAX_WATCHED 4

/* The program's name is also the name of its pins. */
struct watched {
	const char *name, *function;
};

static const struct group {
	const char *without; /* the effect if it is not attached */
	struct watched list[MAX_WATCHED + 1]; /* ends at the first entry without a name */
} groups[N_OBSERVERS] = {
	[OBSERVER_ACCOUNT] = { "connections will not be counted",
			       { { MMA_PIN_ACCOUNT_EVENT, "mptcp_event" },
				 { MMA_PIN_ACCOUNT_EVENT_2, "mptcp_event" },
				 { MMA_PIN_ACCOUNT_ACCEPT, "mptcp_subflow_drop_ctx" },
				 { MMA_PIN_ACCOUNT_CONNECT, "subflow_finish_connect" } } },
	[OBSERVER_LIST] = { "sockets that can never be on a listed port become MPTCP, too",
			    { { MMA_PIN_WATCH_LIST, "bpf_map_update_value" },
			      { MMA_PIN_WATCH_LIST_2, "bpf_map_update_value" } } },
};

static struct bpf_link *links[N_OBSERVERS][MAX_WATCHED]; /* attached by this run */

static struct bpf_link **link_of(const struct group *group, const struct watched *w)
{
	return &links[group - groups][w - group->list];
}

static void drop_links(const struct group *group)
{
	for (const struct watched *w = group->list; w->name; w++) {
		bpf_link__destroy(*link_of(group, w));
		*link_of(group, w) = NULL;
	}
}

/* Replaces the pins of the programs before those of the links. If a run is killed in between,
 * the next one sees that the pinned links belong to other programs. */
static int pin_group_programs(const struct group *group, const struct bpf_object *object)
{
	int err = 0;

	for (const struct watched *w = group->list; w->name; w++) {
		struct bpf_program *program = bpf_object__find_program_by_name(object, w->name);

		if (!err)
			err = pin_replace(bpf_program__fd(program), MMA_PIN_PROGS, w->name);
	}
	return err;
}

static bool attach_group(const struct group *group, const struct bpf_object *object)
{
	for (const struct watched *w = group->list; w->name; w++) {
		struct bpf_program *program = bpf_object__find_program_by_name(object, w->name);

		if (bpf_program__fd(program) < 0) /* refused at load, which was reported */
			return false;
		*link_of(group, w) = bpf_program__attach_trace(program);
		if (*link_of(group, w))
			continue;
		note("%s: %s: this kernel refuses a program on it (%s); everything else works",
		     group->without, w->function, strerror(errno));
		return false;
	}
	return true;
}

void observers_attach(const struct bpf_object *object)
{
	for (size_t i = 0; i < N_OBSERVERS; i++) {
		const struct group *group = &groups[i];

		if (attach_group(group, object)) {
			if (!pin_group_programs(group, object))
				continue;
			fault_note(group->without, NULL);
		}
		drop_links(group);
	}
}

static int pin_group_links(const struct group *group)
{
	int err = 0;

	for (const struct watched *w = group->list; w->name; w++) {
		struct bpf_link *link = *link_of(group, w);

		if (!err)
			err = pin_replace(bpf_link__fd(link), MMA_PIN_LINKS, w->name);
		if (!err)
			bpf_link__disconnect(link); /* the pin keeps it attached */
	}
	return err;
}

static void unpin(const struct group *group)
{
	for (const struct watched *w = group->list; w->name; w++)
		if (pin_remove(MMA_PIN_LINKS, w->name) || pin_remove(MMA_PIN_PROGS, w->name))
			fault_drop();
}

void observers_settle(void)
{
	for (size_t i = 0; i < N_OBSERVERS; i++) {
		const struct group *group = &groups[i];
		bool attached = links[i][0] != NULL;

		if (!attached) {
			unpin(group);
		} else if (pin_group_links(group)) {
			fault_note(group->without, NULL);
			unpin(group);
		}
		drop_links(group);
	}
}

/* The id of the program that the pinned link attaches; 0: none. */
static uint32_t attached_program(const char *name)
{
	struct bpf_link_info link;

	return pin_link_info(name, BPF_LINK_TYPE_TRACING, &link) ? 0 : link.prog_id;
}

/* The first program that is not loaded and attached, or NULL. ret_loaded: whether that one is
 * loaded. */
static const struct watched *first_amiss(const struct group *group, bool *ret_loaded)
{
	for (const struct watched *w = group->list; w->name; w++) {
		uint32_t loaded = pin_program_id(w->name, BPF_PROG_TYPE_TRACING);

		*ret_loaded = loaded;
		if (!loaded || attached_program(w->name) != loaded)
			return w;
	}
	return NULL;
}

bool observers_are_settled(void)
{
	bool loaded;

	for (size_t i = 0; i < N_OBSERVERS; i++)
		if (first_amiss(&groups[i], &loaded) && loaded)
			return false;
	return true;
}

static const char *missing_function(const struct group *group)
{
	for (const struct watched *w = group->list; w->name; w++)
		if (!kernel_types_function(w->function))
			return w->function;
	return NULL;
}

bool observers_may_return(void)
{
	bool loaded;

	for (size_t i = 0; i < N_OBSERVERS; i++)
		if (first_amiss(&groups[i], &loaded) && !missing_function(&groups[i]))
			return true;
	return false;
}

bool observer_is_attached(enum observer observer)
{
	bool loaded;

	return !first_amiss(&groups[observer], &loaded);
}

bool observers_missed_edits(void)
{
	struct bpf_prog_info info;

	return pin_program_info(MMA_PIN_WATCH_LIST_2, BPF_PROG_TYPE_TRACING, &info) ||
	       info.recursion_misses;
}

const char *observer_reason(enum observer observer)
{
	static char texts[N_OBSERVERS][128];
	char *text = texts[observer];
	const struct group *group = &groups[observer];
	const struct watched *amiss;
	const char *function;
	bool loaded;

	amiss = first_amiss(group, &loaded);
	if (!amiss)
		return NULL;
	function = missing_function(group);
	if (function)
		snprintf(text, sizeof(texts[0]), "this kernel has no function %s", function);
	else
		snprintf(text, sizeof(texts[0]), "no program on %s; repair: --refresh",
			 amiss->function);
	return text;
}
