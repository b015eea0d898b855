// SPDX-License-Identifier: GPL-2.0-only
#include "attached/services.h"
#include "attached/accounts.h"
#include "host/cgroup_changes.h"
#include "report.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const __u32 zero;

int services_each(const struct maps *maps, service_fn *each, void *data)
{
	struct mma_path_key key, *previous = NULL;
	struct mma_path path;
	int ret = 0, err;

	while (!ret && !(err = bpf_map_get_next_key(maps->paths, previous, &key))) {
		err = bpf_map_lookup_elem(maps->paths, &key, &path);
		if (err && err != -ENOENT)
			break;
		if (!err)
			ret = each(&key, &path, data);
		previous = &key;
	}
	if (!ret && err != -ENOENT)
		return fault(-err, "paths: cannot be read (%s)", strerror(-err));
	return ret;
}

static int count_one(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	(void)key;
	(void)path;
	++*(size_t *)data;
	return 0;
}

int services_count(const struct maps *maps, size_t *ret_n)
{
	*ret_n = 0;
	return services_each(maps, count_one, ret_n);
}

bool service_cover(const struct maps *maps, const struct mma_path_key *key,
		   struct mma_path_key *ret_cover)
{
	struct mma_path path;

	*ret_cover = *key;
	while (cgroup_parent(ret_cover))
		if (!bpf_map_lookup_elem(maps->paths, ret_cover, &path))
			return true;
	return false;
}

int service_stats(const struct maps *maps, __u32 slot, struct mma_stats *ret)
{
	int err = bpf_map_lookup_elem(maps->stats, &slot, ret);

	return err ? fault(-err, "stats: cannot be read (%s)", strerror(-err)) : 0;
}

/* Calls each() for every id; each() may delete the id it is given. */
static int each_id(const struct maps *maps,
		   int (*each)(const struct maps *maps, uint64_t id,
			       const struct mma_service_ref *service, const void *data),
		   const void *data)
{
	struct mma_service_ref service;
	uint64_t id, next;
	int err = 0, end;

	for (end = bpf_map_get_next_key(maps->cgroups, NULL, &id); !end && !err; id = next) {
		end = bpf_map_get_next_key(maps->cgroups, &id, &next);
		err = bpf_map_lookup_elem(maps->cgroups, &id, &service);
		if (!err)
			err = each(maps, id, &service, data);
		if (err == -ENOENT) /* follow deleted it first */
			err = 0;
	}
	if (!err && end != -ENOENT)
		err = end;
	return err ? fault(-err, "cgroups: cannot be cleaned (%s)", strerror(-err)) : 0;
}

/* Moves an id from `cgroups` to `departed`: strip keeps working for its sockets. */
static int depart(const struct maps *maps, uint64_t id, __u32 slot)
{
	struct mma_service_ref gone = { .slot = slot };
	int err = bpf_map_update_elem(maps->departed, &id, &gone, BPF_ANY);

	return err ? err : bpf_map_delete_elem(maps->cgroups, &id);
}

static int drop_if_gone(const struct maps *maps, uint64_t id, const struct mma_service_ref *service,
			const void *unused)
{
	bool there;

	(void)unused;
	if (cgroup_exists(id, &there)) {
		fault_drop(); /* unreadable does not mean gone */
		return 0;
	}
	return there ? 0 : depart(maps, id, service->slot);
}

static int mark_slot(const struct mma_path_key *key, const struct mma_path *path, void *slots)
{
	(void)key;
	if (path->slot < MMA_MAX_SERVICES)
		((struct slots *)slots)->used[path->slot] = true;
	return 0;
}

static bool is_free(__u32 slot, const void *slots)
{
	return slot >= MMA_MAX_SERVICES || !((const struct slots *)slots)->used[slot];
}

static int drop_if_orphan(const struct maps *maps, uint64_t id,
			  const struct mma_service_ref *service, const void *slots)
{
	return is_free(service->slot, slots) ? depart(maps, id, MMA_NO_SLOT) : 0;
}

/* Finds the slots in use. An interrupted detach may have left ids without a path, and accounts,
 * of a free slot. They go before a slot is taken, or they would become another service's. */
static int find_slots(const struct maps *maps, struct slots *slots)
{
	int err;

	if (slots->known)
		return 0;
	err = services_each(maps, mark_slot, slots);
	if (!err)
		err = each_id(maps, drop_if_orphan, slots);
	if (!err)
		err = accounts_clear(maps, is_free, slots);
	slots->known = !err;
	return err;
}

/* Takes the first slot without a path and zeroes its counters. */
static int take_slot(const struct maps *maps, struct slots *slots, __u32 *ret_slot)
{
	struct mma_stats none = { { 0 } };
	int err = find_slots(maps, slots);

	if (err)
		return err;
	for (__u32 slot = 0; slot < MMA_MAX_SERVICES; slot++) {
		if (slots->used[slot])
			continue;
		err = bpf_map_update_elem(maps->stats, &slot, &none, BPF_ANY);
		if (err)
			return fault(-err, "stats: cannot be written (%s)", strerror(-err));
		slots->used[slot] = true;
		*ret_slot = slot;
		return 0;
	}
	return fault(ENOSPC, "paths: full, %d are attached; detach one first", MMA_MAX_SERVICES);
}

static int write_levels(const struct maps *maps, __u64 levels, bool also_strip)
{
	struct mma_meta meta;
	int err = bpf_map_lookup_elem(maps->meta, &zero, &meta);

	if (!err && (meta.levels != levels ||
		     (also_strip && (meta.strip_levels | levels) != meta.strip_levels))) {
		meta.levels = levels;
		if (also_strip)
			meta.strip_levels |= levels;
		err = bpf_map_update_elem(maps->meta, &zero, &meta, BPF_ANY);
	}
	return err ? fault(-err, "meta: cannot be written (%s)", strerror(-err)) : 0;
}

static int add_levels(const struct maps *maps, __u64 levels)
{
	struct mma_meta meta;

	if (bpf_map_lookup_elem(maps->meta, &zero, &meta))
		return fault(errno, "meta: cannot be read (%s)", strerror(errno));
	return write_levels(maps, meta.levels | levels, true);
}

/* An id was entered: makes upgrade look every cgroup up in `cgroups` again. */
static int next_epoch(const struct maps *maps)
{
	struct mma_meta meta;
	int err = bpf_map_lookup_elem(maps->meta, &zero, &meta);

	if (!err) {
		meta.epoch++;
		err = bpf_map_update_elem(maps->meta, &zero, &meta, BPF_ANY);
	}
	return err ? fault(-err, "meta: cannot be written (%s)", strerror(-err)) : 0;
}

static int or_level(const struct mma_path_key *key, const struct mma_path *path, void *levels)
{
	(void)path;
	*(__u64 *)levels |= cgroup_level_bit(key);
	return 0;
}

/* Enters the directory's id, then looks again: follow missed a cgroup that was removed in
 * between. */
static int attach_id(const struct maps *maps, const struct cgroup *cgroup, __u32 slot)
{
	struct mma_service_ref service = { .slot = slot };
	uint64_t id, again;
	int err = cgroup_find_id(cgroup->dir, &id);

	if (err || !id)
		return err; /* not there yet: follow will see it come */
	err = bpf_map_update_elem(maps->cgroups, &id, &service, BPF_ANY);
	if (err == -E2BIG && !each_id(maps, drop_if_gone, NULL))
		err = bpf_map_update_elem(maps->cgroups, &id, &service, BPF_ANY);
	if (err == -E2BIG)
		return fault(ENOSPC, "%s: cgroups: full, %d are attached; detach one first",
			     cgroup->key.path, MMA_MAX_CGROUPS);
	if (err)
		return fault(-err, "%s: cannot be added to the map (%s)", cgroup->key.path,
			     strerror(-err));
	err = next_epoch(maps);
	if (!err)
		err = cgroup_find_id(cgroup->dir, &again);
	if (err)
		return err; /* it may still exist, and may have been attached before */
	if (again != id)
		bpf_map_delete_elem(maps->cgroups, &id);
	return 0;
}

/* ret_new: there is no such path. ret_path is set if there is one. */
static int find_path(const struct maps *maps, const struct cgroup *cgroup,
		     struct mma_path *ret_path, bool *ret_new)
{
	int err = bpf_map_lookup_elem(maps->paths, &cgroup->key, ret_path);

	*ret_new = err == -ENOENT;
	if (err && !*ret_new)
		return fault(-err, "paths: cannot be read (%s)", strerror(-err));
	return 0;
}

int service_attach(const struct maps *maps, const struct cgroup *cgroup, struct slots *slots,
		   bool *ret_new)
{
	struct mma_path path = { .flags = cgroup_key_is_id(&cgroup->key) ? MMA_PATH_BY_ID : 0 };
	int err = add_levels(maps, cgroup_level_bit(&cgroup->key));

	*ret_new = false;
	if (!err)
		err = find_path(maps, cgroup, &path, ret_new);
	if (err)
		return err;
	if (*ret_new) {
		err = take_slot(maps, slots, &path.slot);
		if (err)
			return err;
		err = bpf_map_update_elem(maps->paths, &cgroup->key, &path, BPF_ANY);
		if (err)
			return fault(-err, "%s: cannot be added to the map (%s)", cgroup->key.path,
				     strerror(-err));
	}
	/* follow looks a path up before the new directory is visible: both sides would miss a path
	 * entered in between. */
	cgroup_wait_for_changes(cgroup->dir);
	return attach_id(maps, cgroup, path.slot);
}

static int drop_if_of_slot(const struct maps *maps, uint64_t id,
			   const struct mma_service_ref *service, const void *slot)
{
	return service->slot == *(const __u32 *)slot ? depart(maps, id, MMA_NO_SLOT) : 0;
}

static bool is_this(__u32 slot, const void *other)
{
	return slot == *(const __u32 *)other;
}

/* No longer counts sockets of removed cgroups: the slot may be given to another service. */
static void disown_departed(const struct maps *maps, __u32 slot)
{
	struct mma_service_ref service, gone = { .slot = MMA_NO_SLOT };
	uint64_t id, *previous = NULL;

	while (!bpf_map_get_next_key(maps->departed, previous, &id)) {
		if (!bpf_map_lookup_elem(maps->departed, &id, &service) && service.slot == slot)
			bpf_map_update_elem(maps->departed, &id, &gone, BPF_EXIST);
		previous = &id;
	}
}

int service_detach(const struct maps *maps, const struct cgroup *cgroup, bool *ret_was_attached)
{
	struct slots slots = { 0 };
	struct mma_path path;
	__u64 levels = 0;
	bool none;
	int err = find_path(maps, cgroup, &path, &none);

	*ret_was_attached = !err && !none;
	if (!err && none)
		return find_slots(maps, &slots);
	if (err)
		return err;
	err = bpf_map_delete_elem(maps->paths, &cgroup->key);
	if (err)
		return fault(-err, "%s: cannot be removed from the map (%s)", cgroup->key.path,
			     strerror(-err));
	cgroup_wait_for_changes(cgroup->dir);
	err = each_id(maps, drop_if_of_slot, &path.slot);
	disown_departed(maps, path.slot);
	if (!err)
		err = accounts_clear(maps, is_this, &path.slot);
	if (!err)
		err = services_each(maps, or_level, &levels);
	return err ? err : write_levels(maps, levels, false);
}

/* Keys of paths to remove, collected first so that services_each() does not lose its place. */
struct gone {
	struct cgroup *list;
	size_t n;
};

static int collect_gone(const struct mma_path_key *key, const struct mma_path *path, void *data)
{
	struct gone *gone = data;
	struct cgroup cgroup, *list;
	bool there = true;
	int err = 0;

	(void)path;
	if (cgroup_key_is_id(key))
		err = cgroup_of_key(key, &cgroup, &there);
	if (err || there)
		return err;
	list = realloc(gone->list, (gone->n + 1) * sizeof(*list));
	if (!list)
		return fault(ENOMEM, "paths: out of memory");
	gone->list = list;
	gone->list[gone->n++] = cgroup;
	return 0;
}

int services_sweep_by_id(const struct maps *maps)
{
	struct gone gone = { 0 };
	struct mma_meta meta;
	bool was_attached;
	int err;

	/* If a cgroup is attached by id, every level is in use. */
	if (!bpf_map_lookup_elem(maps->meta, &zero, &meta) && meta.levels != CGROUP_EVERY_LEVEL)
		return 0;
	err = services_each(maps, collect_gone, &gone);
	for (size_t i = 0; !err && i < gone.n; i++)
		err = service_detach(maps, &gone.list[i], &was_attached);
	free(gone.list);
	return err;
}

int services_sweep(const struct maps *maps)
{
	int err = each_id(maps, drop_if_gone, NULL);

	return err ? err : services_sweep_by_id(maps);
}
