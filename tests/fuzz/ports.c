// SPDX-License-Identifier: GPL-2.0-only
/* LIST, and the services(5) that is used to read it. */
#include "fuzz.h"
#include "ports.h"
#include "report.h"

#include <errno.h>

/* The least that an accepted list looks like. */
static void check_form(char *text)
{
	for (char *save = NULL, *item = strtok_r(text, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		char *role = strchr(item, '/');

		if (role)
			*role++ = '\0';
		hold(!role || !strcmp(role, "listen") || !strcmp(role, "connect"));
		hold(item[0]);
		if (item[0] >= '0' && item[0] <= '9')
			hold(!item[strspn(item, "0123456789-")]);
	}
}

/* The roles of all ports combined. Without the fuzzer's instrumentation of each
 * comparison, which took longer than everything else. */
__attribute__((no_sanitize("address", "coverage"))) static uint64_t
roles_of_all(const struct port_list *list)
{
	uint64_t eight, all = 0;

	for (size_t port = 0; port < MMA_MAX_PORTS; port += sizeof(eight)) {
		memcpy(&eight, list->roles + port, sizeof(eight));
		all |= eight;
	}
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct port_list list;
	char *text = split_input(data, size);
	uint64_t all;
	int err;

	memset(&list, 0, sizeof(list));
	err = ports_parse(text, NULL, &list);
	hold(err == 0 || err == -EINVAL);
	all = roles_of_all(&list);
	hold(!(all & ~0x0303030303030303ULL)); /* MMA_ROLE_BOTH, at most */
	hold(err || (all && list.any));
	if (!err)
		check_form(text);
	fault_drop();
	free(text);
	return 0;
}
