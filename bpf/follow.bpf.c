// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow: keeps `cgroups` true while cgroups come and go. A cgroup made at an
 * attached path is attached before any process can enter it; a removed one
 * leaves at once, and is remembered in `departed` for the sockets it left.
 *
 * Hooks: tp_btf on cgroup_mkdir and cgroup_rmdir, which the kernel calls from
 * mkdir(2) and rmdir(2) themselves, under a lock that serializes them. They
 * fire for v1 hierarchies, too. Fails to "not attached": plain TCP.
 */
#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* A key of `paths` is as large as a BPF stack: it is put together here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mma_path_key);
} follow_key SEC(".maps");

static __always_inline bool on_cgroup2(struct cgroup *cgrp)
{
	return cgrp->root->hierarchy_id == 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(follow_mkdir, struct cgroup *cgrp, const char *path)
{
	struct mma_service_ref service = {};
	struct mma_path_key *key;
	struct mma_path *attached;
	__u32 zero = 0;
	__u64 id;
	long len;

	if (!on_cgroup2(cgrp))
		return 0;
	key = bpf_map_lookup_elem(&follow_key, &zero);
	if (!key)
		return 0;
	__builtin_memset(key, 0, sizeof(*key));
	len = bpf_probe_read_kernel_str(key->path, sizeof(key->path), path);
	/* A full buffer was cut off: such a path cannot be attached. */
	if (len <= 1 || len == sizeof(key->path))
		return 0;
	attached = bpf_map_lookup_elem(&paths, key);
	if (!attached)
		return 0;
	service.slot = attached->slot;
	id = cgrp->kn->id;
	/* There already: while another build takes over, it has been here. */
	if (!bpf_map_update_elem(&cgroups, &id, &service, BPF_NOEXIST))
		count(service.slot, MMA_RESTARTS);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(follow_rmdir, struct cgroup *cgrp, const char *path)
{
	struct mma_service_ref *service, gone;
	__u64 id;

	if (!on_cgroup2(cgrp))
		return 0;
	id = cgrp->kn->id;
	service = bpf_map_lookup_elem(&cgroups, &id);
	if (!service)
		return 0;
	gone = *service;
	bpf_map_update_elem(&departed, &id, &gone, BPF_ANY);
	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}
