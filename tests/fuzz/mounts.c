// SPDX-License-Identifier: GPL-2.0-only
/* mountinfo(5), asked for a path. */
#include "fuzz.h"
#include "host/mounts.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mount mount;
	char *path = split_input(data, size);
	int err = mount_of_path(path, &mount);

	hold(err == 0 || err == -ENOENT);
	if (!err) {
		hold(strlen(mount.root) < sizeof(mount.root));
		hold(strlen(mount.type) < sizeof(mount.type));
		hold(!strncmp(mount.point, path, strlen(mount.point)));
		err = mount_of_type(mount.type, &mount);
		hold(!err);
	}
	free(path);
	return 0;
}
