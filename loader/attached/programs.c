// SPDX-License-Identifier: GPL-2.0-only
#include "attached/programs.h"
#include "attached/observers.h"
#include "attached/lock.h"
#include "build_id.h"
#include "host/kernel.h"
#include "host/kernel_object.h"
#include "mma.skel.h"
#include "attached/optional.h"
#include "attached/repair.h"
#include "report.h"
#include "attached/strip_links.h"
#include "attached/summary.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const __u32 zero;

bool programs_are_current(const struct maps *maps)
{
	const char *reason;
	struct mma_meta meta;

	return pin_program_id(MMA_PIN_STRIP, BPF_PROG_TYPE_SCHED_CLS) &&
	       !bpf_map_lookup_elem(maps->meta, &zero, &meta) &&
	       !strncmp(meta.build_id, MMA_BUILD_ID, sizeof(meta.build_id)) &&
	       !programs_armed(&reason) && !programs_doubt() && observers_are_settled();
}

/* Whether the run that attached upgrade left upgrade_2 out, because the kernel was not
 * preemptible: then it has no pins. */
static bool second_was_spared(void)
{
	struct bpf_link_info link;

	return pin_link_info(MMA_PIN_UPGRADE_2, BPF_LINK_TYPE_TRACING, &link) == -ENOENT &&
	       !pin_program_id(MMA_PIN_UPGRADE_2, BPF_PROG_TYPE_TRACING);
}

const char *programs_doubt(void)
{
	if (kernel_preempts() >= 0 || !second_was_spared())
		return NULL;
	return "kernel preemption unknown (debugfs is not mounted): run --refresh";
}

/* Whether upgrade_2 may be missing: the kernel is not preemptible, or this is unknown now and it
 * was not before. programs_doubt() reports the latter. */
static bool spares_second(void)
{
	int preempts = kernel_preempts();

	return !preempts || (preempts < 0 && second_was_spared());
}

int programs_armed(const char **ret_reason)
{
	static const struct {
		const char *link;
		enum bpf_link_type type;
		const char *missing;
		bool if_preempting; /* needed only on a preemptible kernel */
	} links[] = {
		{ MMA_PIN_UPGRADE, BPF_LINK_TYPE_TRACING,
		  "the upgrade program is not attached; repair: --refresh", false },
		{ MMA_PIN_UPGRADE_2, BPF_LINK_TYPE_TRACING,
		  "the second upgrade program is not attached; repair: --refresh", true },
		{ MMA_PIN_MKDIR, BPF_LINK_TYPE_RAW_TRACEPOINT,
		  "new cgroups are not followed; repair: --refresh", false },
		{ MMA_PIN_RMDIR, BPF_LINK_TYPE_RAW_TRACEPOINT,
		  "removed cgroups are not followed; repair: --refresh", false },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct bpf_link_info link;
		int err = pin_link_info(links[i].link, links[i].type, &link);

		if (err == -ENOENT && links[i].if_preempting && spares_second())
			continue;
		if (err) {
			*ret_reason = links[i].missing;
			return err;
		}
	}
	*ret_reason = NULL;
	return 0;
}

static const struct {
	const char *pin;
	size_t offset; /* of the program in the skeleton */
} programs_pinned[] = {
	{ MMA_PIN_UPGRADE, offsetof(struct mma, progs.upgrade) },
	{ MMA_PIN_UPGRADE_2, offsetof(struct mma, progs.upgrade_2) },
	{ MMA_PIN_MKDIR, offsetof(struct mma, progs.follow_mkdir) },
	{ MMA_PIN_RMDIR, offsetof(struct mma, progs.follow_rmdir) },
	{ MMA_PIN_STRIP, offsetof(struct mma, progs.strip) },
	{ MMA_PIN_REPAIR_GET, offsetof(struct mma, progs.repair_get) },
	{ MMA_PIN_REPAIR_SET, offsetof(struct mma, progs.repair_set) },
	{ MMA_PIN_REPAIR_CONNECT4, offsetof(struct mma, progs.repair_connect4) },
	{ MMA_PIN_REPAIR_CONNECT6, offsetof(struct mma, progs.repair_connect6) },
};

static int pin_all_programs(struct mma *programs)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(programs_pinned) / sizeof(programs_pinned[0]); i++) {
		struct bpf_program **program =
			(struct bpf_program **)((char *)programs + programs_pinned[i].offset);

		if (!bpf_program__autoload(*program))
			continue;
		err = pin_replace(bpf_program__fd(*program), MMA_PIN_PROGS, programs_pinned[i].pin);
	}
	return err;
}

/* libbpf reuses a map that is pinned at its path, and pins a map that it creates. It creates
 * `meta` before it comes to the maps of sections. */
static int set_pin_paths(struct mma *programs)
{
	int err = bpf_map__set_map_flags(programs->maps.bss_meta, 0); /* as those of `meta` */

	if (!err)
		err = bpf_map__set_pin_path(programs->maps.bss_meta,
					    pin_path(NULL, MMA_PIN_META).path);

	for (size_t i = 0; !err && i < maps_count(); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(programs->obj, map_name(i));

		err = map ? bpf_map__set_pin_path(map, pin_path(NULL, map_name(i)).path) : -ENOENT;
	}
	return err;
}

static __u32 map_id(const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	return bpf_map_get_info_by_fd(bpf_map__fd(map), &info, &size) ? 0 : info.id;
}

/* Whether upgrade reads the map to which the loader writes. If the pin disappeared between the
 * two, libbpf made a map for the section. */
static bool meta_is_one_map(const struct mma *programs)
{
	__u32 id = map_id(programs->maps.meta);

	return id && id == map_id(programs->maps.bss_meta);
}

int programs_locate(int prog_fd, __u16 *ret_id)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		return fault_kernel(
			-err,
			"MPTCP's state in the kernel: cannot search for it (%s); -vv shows libbpf's log",
			strerror(-err));
	if (!opts.retval)
		return fault_kernel(
			ENOENT,
			"MPTCP's state in the kernel: not found, and without it sockets would fail where MPTCP is off; use a kernel with CONFIG_MPTCP=y and CONFIG_SYSCTL=y");
	*ret_id = (__u16)opts.retval;
	return 0;
}

static int write_meta(struct mma *programs, const struct maps *maps)
{
	struct mma_meta meta; /* keeps its levels */
	bool ipv4, ipv6;
	__u16 id;
	int err = programs_locate(bpf_program__fd(programs->progs.locate), &id);

	if (err)
		return err;
	err = bpf_map_lookup_elem(maps->meta, &zero, &meta);
	if (err)
		return fault(-err, "meta: cannot be read (%s)", strerror(-err));
	err = kernel_mptcp_families(&ipv4, &ipv6);
	if (err)
		return fault(
			-err,
			"IPPROTO_MPTCP: cannot try whether this kernel makes such sockets (%s); run the command again",
			strerror(-err));
	meta.abi = MMA_ABI;
	meta.mptcp_pernet_id = id;
	meta.mptcp_ipv4 = ipv4;
	meta.mptcp_ipv6 = ipv6;
	err = bpf_map_update_elem(maps->meta, &zero, &meta, BPF_ANY);
	return err ? fault(-err, "meta: cannot be written (%s)", strerror(-err)) : 0;
}

/* mma__open_opts(), of a copy of the object that is prepared for this kernel. */
static int open_prepared(struct mma *programs)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	size_t size;
	const void *elf = mma__elf_bytes(&size);
	void *prepared = NULL;
	int err;

	opts.btf_custom_path = kernel_object_types(elf, size);
	err = kernel_object_with_calls(elf, size, &prepared);
	if (!err)
		err = kernel_object_handlers();
	if (!err)
		err = mma__create_skeleton(programs);
	if (!err) {
		programs->skeleton->data = prepared;
		err = bpf_object__open_skeleton(programs->skeleton, &opts);
		programs->skeleton->data = elf;
	}
	free(prepared);
	return err ? err : kernel_object_number(programs->obj);
}

struct mma *programs_open(struct bpf_object **ret_object)
{
	struct mma *programs = calloc(1, sizeof(*programs));
	int err = programs ? open_prepared(programs) : -ENOMEM;

	if (err) {
		fault_remember(MMA_EXIT_FAILED,
			       "the BPF object cannot be prepared for this kernel (%s)",
			       strerror(-err));
		mma__destroy(programs);
		errno = -err;
		return NULL;
	}
	if (ret_object)
		*ret_object = programs->obj;
	return programs;
}

/* Chooses the programs to load. */
typedef void choose_fn(struct bpf_object *object, const void *data);

static int open_and_load(struct mma **ret, choose_fn *choose, const void *data)
{
	struct mma *programs = programs_open(NULL);
	int err;

	if (!programs)
		return fault_code(errno);
	memcpy((void *)&programs->rodata->own_build, MMA_BUILD_ID,
	       sizeof(programs->rodata->own_build));
	choose(programs->obj, data);
	err = set_pin_paths(programs);
	if (!err)
		err = mma__load(programs);
	if (err)
		mma__destroy(programs);
	else
		*ret = programs;
	return err;
}

static void choose_wanted(struct bpf_object *object, const void *optional)
{
	optional_leave_out(optional, object);
}

static void choose_strip(struct bpf_object *object, const void *data)
{
	struct bpf_program *program;

	(void)data;
	bpf_object__for_each_program(program, object) bpf_program__set_autoload(
		program, !strcmp(bpf_program__name(program), MMA_PIN_STRIP));
}

int programs_load_strip(int *ret_fd)
{
	struct mma *programs = NULL;
	int fd, err = open_and_load(&programs, choose_strip, NULL);

	if (err)
		return kernel_explain(-err, "load");
	fd = fcntl(bpf_program__fd(programs->progs.strip), F_DUPFD_CLOEXEC, 0);
	err = fd < 0 ? fault(errno, "strip: cannot be kept open (%s)", strerror(errno)) : 0;
	mma__destroy(programs);
	if (!err)
		*ret_fd = fd;
	return err;
}

int programs_load(struct mma **ret, struct maps *ret_maps)
{
	struct mma *programs = NULL;
	struct optional optional = { 0 };
	bool complete;
	int err;

	do {
		lock_progress(); /* a load takes seconds */
		optional_watch();
		err = open_and_load(&programs, choose_wanted, &optional);
	} while (optional_is_to_blame(&optional) && err);
	if (err)
		return kernel_explain(-err, "load");
	err = maps_open(ret_maps, &complete);
	if (!err && (!complete || !meta_is_one_map(programs)))
		err = fault(ENOENT,
			    MMA_PIN_DIR ": a pin disappeared meanwhile; run the command again");
	if (!err)
		err = write_meta(programs, ret_maps);
	if (!err)
		err = pin_all_programs(programs);
	if (!err)
		err = strip_update_all();
	if (err) {
		maps_close(ret_maps);
		mma__destroy(programs);
		return err;
	}
	repair_update_all();
	/* repair_apply() reports failures of the repair programs. */
	if (optional.left_out[OPTIONAL_ACCOUNT])
		note("connections will not be counted: this kernel refuses the programs for it; everything else works, and -vv shows libbpf's log");
	if (optional.left_out[OPTIONAL_WATCH])
		note("sockets that can never use a listed port become MPTCP, too: this kernel refuses the programs that watch the allowlist; everything else works, and -vv shows libbpf's log");
	*ret = programs;
	return 0;
}

static int attach_and_pin(struct bpf_program *program, const char *pin)
{
	struct bpf_link *link = bpf_program__attach_trace(program);
	int err;

	if (!link)
		return kernel_explain(errno, "attach");
	err = pin_replace(bpf_link__fd(link), MMA_PIN_LINKS, pin);
	bpf_link__disconnect(link); /* only the pin, if there is one, keeps it attached */
	bpf_link__destroy(link);
	return err;
}

int programs_attach_follow(struct mma *programs)
{
	int err = attach_and_pin(programs->progs.follow_mkdir, MMA_PIN_MKDIR);

	return err ? err : attach_and_pin(programs->progs.follow_rmdir, MMA_PIN_RMDIR);
}

static int commit(struct mma *programs, const struct maps *maps)
{
	bool preempts = kernel_preempts(); /* true if unknown (negative) */
	struct mma_meta meta;
	int err = 0;

	observers_attach(programs->obj);
	/* Of the programs on a hook, the one that was attached last runs first. */
	if (preempts)
		err = attach_and_pin(programs->progs.upgrade_2, MMA_PIN_UPGRADE_2);
	if (!err)
		err = attach_and_pin(programs->progs.upgrade, MMA_PIN_UPGRADE);
	if (!err && !preempts) /* left by an older build */
		err = pin_remove(MMA_PIN_LINKS, MMA_PIN_UPGRADE_2);
	if (!err && !preempts) /* programs_doubt() relies on this */
		err = pin_remove(MMA_PIN_PROGS, MMA_PIN_UPGRADE_2);
	if (err)
		return err;
	err = bpf_map_lookup_elem(maps->meta, &zero, &meta);
	if (err)
		return fault(-err, "meta: cannot be read (%s)", strerror(-err));
	strncpy(meta.build_id, MMA_BUILD_ID, sizeof(meta.build_id) - 1);
	err = bpf_map_update_elem(maps->meta, &zero, &meta, BPF_ANY);
	if (err)
		return fault(-err, "meta: cannot be written (%s)", strerror(-err));
	summary_forget(maps); /* watch_list may be unattached from here on */
	observers_settle();
	return 0;
}

int programs_commit(struct mma *programs, const struct maps *maps)
{
	/* An older build's programs stay attached until `meta` names this one: until then, only
	 * they count the sockets that stay TCP. */
	int older[] = { pin_open(MMA_PIN_LINKS, MMA_PIN_UPGRADE),
			pin_open(MMA_PIN_LINKS, MMA_PIN_UPGRADE_2) };
	int err = commit(programs, maps);

	for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++)
		if (older[i] >= 0)
			close(older[i]);
	return err;
}

void programs_free(struct mma *programs)
{
	mma__destroy(programs);
}
