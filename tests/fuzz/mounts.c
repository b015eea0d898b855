// SPDX-License-Identifier: GPL-2.0-only
/* mountinfo(5), searched for a path. */
#include "fuzz.h"
#include "host/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mount mount;
	char *path = split_input(data, size);
	bool found;

	hold(!mount_of_path(path, &mount, &found));
	if (found) {
		hold(strlen(mount.root) < sizeof(mount.root));
		hold(strlen(mount.type) < sizeof(mount.type));
		hold(!strncmp(mount.point, path, strlen(mount.point)));
		hold(!mount_of_type(mount.type, &mount, &found) && found);
	}
	free(path);
	return 0;
}
