// SPDX-License-Identifier: GPL-2.0-only
#include "teardown.h"
#include "strip_links.h"

#include <bpf/bpf.h>
#include <string.h>

static void empty(int map_fd, void *key)
{
	while (!bpf_map_get_next_key(map_fd, NULL, key))
		if (bpf_map_delete_elem(map_fd, key))
			break;
}

int teardown(const struct maps *maps)
{
	struct mma_path_key path;
	__u64 id;
	int err = pin_remove(MMA_PIN_LINKS, MMA_PIN_UPGRADE);

	/* The maps are emptied as well: a map may outlive its pin in another
	 * program's hands. */
	if (maps->paths >= 0)
		empty(maps->paths, &path);
	if (maps->cgroups >= 0)
		empty(maps->cgroups, &id);
	if (!err && maps->netns >= 0)
		err = strip_uncover_all(maps);
	return err ? err : pins_remove_all();
}
