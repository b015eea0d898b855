// SPDX-License-Identifier: GPL-2.0-only
#include "attached/optional.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the names of a group's programs begin with. */
static const char *const prefixes[N_OPTIONAL] = {
	[OPTIONAL_ACCOUNT] = "account_",
	[OPTIONAL_REPAIR] = "repair_",
	[OPTIONAL_WATCH] = "watch_",
};

static libbpf_print_fn_t usual_print;
static bool blamed[N_OPTIONAL];

static bool is_of(const char *name, int group)
{
	return !strncmp(name, prefixes[group], strlen(prefixes[group]));
}

/* libbpf tells by its log alone which of an object's programs did not load. */
__attribute__((format(printf, 2, 0))) static int listen_to_libbpf(enum libbpf_print_level level,
								  const char *fmt, va_list args)
{
	char text[64];
	const char *name;
	va_list again;

	va_copy(again, args);
	vsnprintf(text, sizeof(text), fmt, again);
	va_end(again);
	name = strstr(text, "prog '");
	for (int group = 0; name && level == LIBBPF_WARN && group < N_OPTIONAL; group++)
		if (is_of(name + strlen("prog '"), group))
			blamed[group] = true;
	return usual_print(level, fmt, args);
}

void optional_leave_out(const struct optional *optional, const struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(
		program, object) for (int group = 0; group < N_OPTIONAL;
				      group++) if (optional->left_out[group] &&
						   is_of(bpf_program__name(program), group))
		bpf_program__set_autoload(program, false);
}

void optional_watch(void)
{
	memset(blamed, 0, sizeof(blamed));
	usual_print = libbpf_set_print(listen_to_libbpf);
}

bool optional_is_to_blame(struct optional *optional)
{
	bool any = false;

	libbpf_set_print(usual_print);
	for (int group = 0; group < N_OPTIONAL; group++)
		if (blamed[group] && !optional->left_out[group])
			any = optional->left_out[group] = true;
	return any;
}
