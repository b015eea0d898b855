// SPDX-License-Identifier: GPL-2.0-only
#include "attached/optional.h"
#include "report.h"

#include <bpf/libbpf.h>
#include <string.h>

/* Name prefixes of each group's programs. */
static const char *const prefixes[N_OPTIONAL] = {
	[OPTIONAL_ACCOUNT] = "account_",
	[OPTIONAL_REPAIR] = "repair_",
	[OPTIONAL_WATCH] = "watch_",
};

static bool blamed[N_OPTIONAL];

static bool is_of(const char *name, int group)
{
	return !strncmp(name, prefixes[group], strlen(prefixes[group]));
}

/* "prog 'account_event': BPF program load failed: …" */
static void blame(const char *warning)
{
	static const char mark[] = "prog '";
	const char *name = strstr(warning, mark);

	for (int group = 0; name && group < N_OPTIONAL; group++)
		if (is_of(name + strlen(mark), group))
			blamed[group] = true;
}

static bool is_left_out(const struct optional *optional, const char *name)
{
	for (int group = 0; group < N_OPTIONAL; group++)
		if (optional->left_out[group] && is_of(name, group))
			return true;
	return false;
}

void optional_leave_out(const struct optional *optional, const struct bpf_object *object)
{
	struct bpf_program *program = NULL;

	while ((program = bpf_object__next_program(object, program)))
		if (is_left_out(optional, bpf_program__name(program)))
			bpf_program__set_autoload(program, false);
}

void optional_watch(void)
{
	memset(blamed, 0, sizeof(blamed));
	report_hear_libbpf(blame);
}

bool optional_is_to_blame(struct optional *optional)
{
	bool any = false;

	report_hear_libbpf(NULL);
	for (int group = 0; group < N_OPTIONAL; group++)
		if (blamed[group] && !optional->left_out[group])
			any = optional->left_out[group] = true;
	return any;
}
