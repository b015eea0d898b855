// SPDX-License-Identifier: GPL-2.0-only
#include "modes/modes.h"
#include "report.h"
#include "modes/session.h"

#include <errno.h>

int edit_run(const struct request *request)
{
	struct maps maps = MAPS_CLOSED;
	bool attached;
	int err = session_begin(&maps, &attached);

	if (err)
		return err;
	if (!attached)
		return fault(
			ENOENT,
			"nothing is attached, so there is no allowlist to edit; attach a service first: --cgroup PATH --port LIST");
	err = ports_edit(maps.ports, &request->ports,
			 request->mode == MODE_ALLOW ? ports_allowed : ports_denied, NULL);
	if (!err) {
		session_cover(&maps);
		session_tidy(&maps);
	}
	maps_close(&maps);
	return err;
}
