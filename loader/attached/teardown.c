// SPDX-License-Identifier: GPL-2.0-only
#include "attached/teardown.h"
#include "attached/strip_links.h"

#include <bpf/bpf.h>
#include <string.h>

static void empty(int map_fd, void *key)
{
	while (!bpf_map_get_next_key(map_fd, NULL, key))
		if (bpf_map_delete_elem(map_fd, key))
			break;
}

/* The programs live on for a moment, or while a process holds them, but are no attachment. */
static void forget_build(int meta_fd)
{
	const __u32 zero = 0;
	struct mma_meta meta;

	if (bpf_map_lookup_elem(meta_fd, &zero, &meta))
		return;
	memset(meta.build_id, 0, sizeof(meta.build_id));
	bpf_map_update_elem(meta_fd, &zero, &meta, BPF_ANY);
}

int teardown(const struct maps *maps)
{
	struct mma_path_key path;
	__u64 id;
	int err = pin_remove(MMA_PIN_LINKS, MMA_PIN_UPGRADE), also;

	also = pin_remove(MMA_PIN_LINKS, MMA_PIN_UPGRADE_2);
	if (!err)
		err = also;
	/* Empties the maps as well: another program may hold a map after its pin is gone. */
	if (maps->paths >= 0)
		empty(maps->paths, &path);
	if (maps->cgroups >= 0)
		empty(maps->cgroups, &id);
	/* A name that cannot be removed (not ours) does not stop the rest: with `netns` empty,
	 * nothing is upgraded that strip would have to cover. */
	also = maps->netns >= 0 ? strip_uncover_all(maps) : 0;
	if (!err)
		err = also;
	if (maps->meta >= 0)
		forget_build(maps->meta);
	also = pins_remove_all();
	return err ? err : also;
}
