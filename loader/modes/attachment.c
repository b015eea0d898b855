// SPDX-License-Identifier: GPL-2.0-only
#include "modes/attachment.h"
#include "attached/programs.h"
#include "attached/repair.h"
#include "attached/strip_cover.h"
#include "attached/summary.h"
#include "attached/teardown.h"
#include "modes/session.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

static int open_or_load(struct attachment *a)
{
	bool attached;
	int err = session_begin(&a->maps, &attached);

	if (err || (attached && programs_are_current(&a->maps)))
		return err;
	a->fresh = !attached;
	maps_close(&a->maps);
	err = pins_prepare();
	return err ? err : programs_load(&a->programs, &a->maps);
}

static int cover_namespaces(struct attachment *a)
{
	int err = netns_add_own(&a->namespaces);

	for (size_t i = 0; !err && i < a->n; i++)
		err = session_add_namespaces(&a->cgroups[i], &a->namespaces);
	for (size_t i = 0; !err && i < a->netns.n; i++)
		err = netns_add_path(&a->namespaces, a->netns.list[i]);
	for (size_t i = 0; !err && i < a->namespaces.n; i++)
		err = strip_cover(&a->maps, &a->namespaces.list[i]);
	return err;
}

static int add_ports(struct attachment *a)
{
	__u16 port;
	int err;

	if (a->ports_if_empty && !bpf_map_get_next_key(a->maps.ports, NULL, &port))
		return 0;
	err = ports_edit(a->maps.ports, a->ports, ports_added, &a->undo);
	a->ports_edited = !err;
	return err;
}

/* This order keeps rule 2 at every instant, even if killed: the list first, then strip wherever
 * it may be needed, then follow, then the services, and the upgrade program last, if this run
 * loaded one. */
static int attach_all(struct attachment *a)
{
	int err = add_ports(a);

	if (!err)
		err = cover_namespaces(a);
	if (!err && a->programs)
		err = programs_attach_follow(a->programs);
	for (size_t i = 0; !err && i < a->n; i++)
		err = service_attach(&a->maps, &a->cgroups[i], &a->slots, &a->is_new[i]);
	if (!err && a->programs)
		err = programs_commit(a->programs, &a->maps);
	return err;
}

static void tidy(const struct attachment *a)
{
	session_sweep(&a->maps);
	summary_check(&a->maps); /* a service is waiting for this */
	if (a->programs)
		session_tidy_services(&a->maps);
}

/* After everything that could fail: a failure of repair does not undo the attach. */
static void repair(const struct attachment *a)
{
	for (size_t i = 0; i < a->n; i++) {
		repair_choose(&a->maps, &a->cgroups[i].key, !a->no_repair);
		repair_apply(&a->maps, &a->cgroups[i]);
	}
}

static void take_back(struct attachment *a)
{
	bool was_attached;

	if (a->fresh) {
		teardown(&a->maps);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (a->is_new[i])
			service_detach(&a->maps, &a->cgroups[i], &was_attached);
	if (a->ports_edited)
		ports_undo(a->maps.ports, a->ports, &a->undo);
}

int attachment_make(struct attachment *a)
{
	int err;

	a->is_new = calloc(a->n, sizeof(*a->is_new));
	err = a->is_new ? open_or_load(a) : fault(ENOMEM, "cgroups: out of memory");
	if (!err) {
		err = attach_all(a);
		if (err) {
			take_back(a);
		} else {
			tidy(a);
			repair(a);
		}
	} else if (a->fresh) {
		teardown(&a->maps);
	}
	return err;
}

void attachment_free(struct attachment *a)
{
	programs_free(a->programs);
	maps_close(&a->maps);
	netns_free(&a->namespaces);
	free(a->is_new);
}
