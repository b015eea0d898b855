// SPDX-License-Identifier: GPL-2.0-only
/* --connections: looks once, or repeatedly with --watch: in place on a terminal, else one
 * report after another. Changes nothing and needs no lock. */
#include "connections/connections.h"
#include "connections/json.h"
#include "connections/reading.h"
#include "connections/screen.h"
#include "connections/text.h"
#include "host/cgroup_path.h"
#include "host/rights.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct view {
	const struct cgroup *only; /* or NULL */
	unsigned int seconds; /* between two looks; 0: look once */
	bool json;
	bool in_place;
};

/* "Thu Nov 26 23:00:36 2026" */
static void print_time(const struct view *view, FILE *out)
{
	time_t now = time(NULL);
	struct tm parts;
	char text[64] = "";

	if (localtime_r(&now, &parts))
		strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &parts);
	fprintf(out, "%s%s\n\n", text, view->in_place ? "; q or ^C ends" : "");
}

static int print_in_place(const struct view *view, const struct connections *connections)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return fault(errno, "connections: out of memory");
	print_time(view, out);
	connections_print_text(connections, out);
	if (!fclose(out))
		screen_draw(text, size);
	free(text);
	return 0;
}

static int look_once(const struct view *view)
{
	struct connections connections;
	int err = connections_read(view->only, &connections);

	if (!err && view->json) {
		err = connections_print_json(&connections, view->seconds != 0);
	} else if (!err && view->in_place) {
		err = print_in_place(view, &connections);
	} else if (!err) {
		if (view->seconds)
			print_time(view, stdout);
		connections_print_text(&connections, stdout);
		if (view->seconds)
			putchar('\n');
	}
	connections_free(&connections);
	return err;
}

static int watch_until_end(const struct view *view)
{
	enum screen_woken woken = SCREEN_TIME;
	int err = screen_begin(view->in_place);

	while (!err && woken != SCREEN_END) {
		err = look_once(view);
		if (!err && (fflush(stdout) || ferror(stdout)))
			err = fault(errno, "standard output: cannot be written (%s)",
				    strerror(errno));
		if (!err)
			err = screen_wait(view->seconds, &woken);
	}
	screen_end();
	return err;
}

int connections_run(const struct request *request)
{
	static struct cgroup cgroup;
	struct view view = {
		.only = request->cgroups.n ? &cgroup : NULL,
		.seconds = request->watch,
		.json = request->json,
		.in_place = !request->json && request->watch && isatty(STDOUT_FILENO),
	};
	int err = rights_need_root();

	setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* not one write(2) per line */
	if (!err && view.only)
		err = cgroup_resolve(request->cgroups.list[0], &cgroup);
	if (!err)
		err = view.seconds ? watch_until_end(&view) : look_once(&view);
	return err;
}
