// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow: keeps `cgroups` current as cgroups come and go. A cgroup created at an
 * attached path is attached before any process can enter it. A removed cgroup is
 * detached at once; `departed` remembers it for the sockets that it leaves behind.
 *
 * Hooks: tp_btf on cgroup_mkdir and cgroup_rmdir. The kernel fires them within
 * mkdir(2) and rmdir(2), under a lock that serializes them, and for v1 hierarchies,
 * too. On failure the cgroup is not attached: plain TCP.
 */
#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* Scratch space: a key of `paths` would fill the BPF stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mma_path_key);
} follow_key SEC(".maps");

/* BPF_CORE_READ: for a plain load of a pointer from a trusted one the verifier searches the
 * names of all kernel types, three times (btf_nested_type_is_trusted). */
static __always_inline bool on_cgroup2(struct cgroup *cgrp)
{
	return BPF_CORE_READ(cgrp, root, hierarchy_id) == 0;
}

static __always_inline __u64 id_of(struct cgroup *cgrp)
{
	return BPF_CORE_READ(cgrp, kn, id);
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
	/* A path that fills the buffer may be truncated, and cannot be attached. */
	if (len <= 1 || len == sizeof(key->path))
		return 0;
	attached = bpf_map_lookup_elem(&paths, key);
	if (!attached)
		return 0;
	service.slot = attached->slot;
	id = id_of(cgrp);
	/* The id exists if another build's program, during a takeover, was here first. */
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
	id = id_of(cgrp);
	service = bpf_map_lookup_elem(&cgroups, &id);
	if (!service)
		return 0;
	gone = *service;
	bpf_map_update_elem(&departed, &id, &gone, BPF_ANY);
	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}
