// SPDX-License-Identifier: GPL-2.0-only
#include "status/status.h"
#include "host/rights.h"
#include "status/json.h"
#include "status/openmetrics.h"
#include "status/reading.h"
#include "status/text.h"

int status_run(const struct request *request)
{
	static struct status status;
	int err = rights_need_root();

	if (!err)
		err = status_read(&status);
	if (!err && request->json)
		err = status_print_json(&status);
	else if (!err && request->openmetrics)
		status_print_openmetrics(&status);
	else if (!err)
		status_print_text(&status);
	status_free(&status);
	return err;
}
