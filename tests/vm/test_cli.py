# SPDX-License-Identifier: GPL-2.0-only
"""Bad input and bad surroundings that need the hook: one line with object, cause and remedy, the
contract's exit code, and nothing left behind. Cases that need no hook are in tests/system."""

import os
import re
import sys

import pytest

import bpfsys
from conftest import nothing_left
from mma import (MPTCP, PINS, TCP, Map, attach, make_socket, map_dict, mma, netns_cookie, objects, run, so_protocol,
                 status, unshare, wait_until)

CLONE_NEWNS = 0x20000


def one_line(err):
    """object: cause; remedy"""
    assert re.fullmatch(r"mptcp-mail-attach: [^\n]+\n", err), err
    return err


def refused(done, rc, *words):
    assert done.rc == rc, done
    assert done.out == ""
    for word in words:
        assert word in one_line(done.err), f"{word}: {done.err}"


@pytest.fixture
def leaves_nothing(clean):
    before = objects()
    yield
    assert not os.path.exists(PINS)
    wait_until(lambda: nothing_left(before), "nothing of a failed run stays")


def private(*commands):
    """A prepare= that makes a private mount namespace and runs these commands in it."""
    def prepare():
        unshare(CLONE_NEWNS)
        for command in ("mount --make-rprivate /", *commands):
            assert os.system(command) == 0, command
    return prepare


pytestmark = pytest.mark.usefixtures("clean")


# Surroundings

def test_no_btf(cgroup, leaves_nothing):
    refused(mma("--cgroup", cgroup, prepare=private("mount -t tmpfs none /sys/kernel/btf")), 3,
            "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF")


def test_private_bpffs(cgroup, leaves_nothing):
    refused(mma("--cgroup", cgroup, prepare=private("mount -t bpf none /sys/fs/bpf")), 1,
            "/sys/fs/bpf", "private", "nsenter")


def test_no_bpffs_in_a_private_namespace(cgroup, leaves_nothing):
    refused(mma("--cgroup", cgroup, prepare=private("umount /sys/fs/bpf")), 1, "/sys/fs/bpf", "nsenter")


def test_the_hosts_bpffs_seen_from_a_sandbox(cgroup):
    """Another mount namespace with the same instance, as in systemd's sandboxes."""
    assert mma("--cgroup", cgroup, prepare=private()).rc == 0
    assert status()["armed"]


def test_ip_netns_exec(cgroup, net, leaves_nothing):
    """ip netns exec mounts a new /sys, without the BPF file system."""
    for path in ("t.service", str(cgroup)):
        refused(run(["ip", "netns", "exec", net.server, mma_path(), "--cgroup", path], check=False), 1, "nsenter")


def mma_path():
    from mma import _tool
    return _tool()


def test_bpffs_is_mounted_where_missing(cgroup):
    run(["umount", "/sys/fs/bpf"])
    assert mma("--status").out == "armed       no: nothing is attached\n"
    assert mma("--detach").rc == 0
    assert not os.path.ismount("/sys/fs/bpf")
    attach(cgroup)
    assert os.path.ismount("/sys/fs/bpf")
    assert status()["armed"]


def test_pins_are_roots_alone(cgroup):
    attach(cgroup, prepare=lambda: os.umask(0))
    for path, dirs, files in os.walk(PINS):
        for name in [path, *(f"{path}/{n}" for n in dirs + files)]:
            assert os.stat(name).st_mode & 0o077 == 0, name
            assert "." not in os.path.basename(name)


def test_read_only_run(cgroup, leaves_nothing):
    if os.path.exists("/run/mptcp-mail-attach.lock"):
        os.unlink("/run/mptcp-mail-attach.lock")
    refused(mma("--cgroup", cgroup, prepare=private("mount -o bind /run /run", "mount -o remount,bind,ro /run")), 1,
            "/run/mptcp-mail-attach.lock", "Read-only", "writable")


def test_lock_is_a_symlink(cgroup, tmp_path, leaves_nothing):
    lock = "/run/mptcp-mail-attach.lock"
    os.unlink(lock)
    os.symlink(tmp_path / "elsewhere", lock)
    try:
        refused(mma("--cgroup", cgroup), 1, lock)
        assert not os.path.exists(tmp_path / "elsewhere")
    finally:
        os.unlink(lock)


def test_standard_descriptors_closed(cgroup):
    """No file that the tool opens becomes its standard output."""
    done = run(["sh", "-c", f"{mma_path()} --cgroup {cgroup} <&- >&- 2>&-"], check=False)
    assert done.rc == 0
    assert status()["armed"]


def test_standard_output_full(cgroup):
    done = run(["sh", "-c", f"{mma_path()} --status >/dev/full"], check=False)
    assert done.rc == 1 and "standard output" in one_line(done.err)


def test_not_root(cgroup, leaves_nothing):
    for mode in (["--cgroup", "t.service"], ["--detach"], ["--allow", "25"], ["--refresh"], ["--status"]):
        done = mma(*mode, uid=65534)
        assert done.rc == 1, done
        assert "root" in one_line(done.err)


# Paths that certainly exist only in a guest

def test_path_on_v1(tmp_path, leaves_nothing):
    done = run(["mount", "-t", "cgroup", "-o", "none,name=mma", "none", str(tmp_path)], check=False)
    if done.rc:
        pytest.skip(f"this kernel has no cgroup v1: {done.err.strip()}")
    try:
        refused(mma("--cgroup", f"{tmp_path}/x.service"), 2, f"{tmp_path}/x.service", "cgroup v1", "cgroup2")
    finally:
        run(["umount", str(tmp_path)])


def test_no_cgroup2(leaves_nothing):
    umount = private("umount /sys/fs/cgroup")
    for path in ("x.service", "/sys/fs/cgroup/x.service", "self"):
        refused(mma("--cgroup", path, prepare=umount), 1, "cgroup2", "nsenter")


def test_another_file_system_inside(cgroup, leaves_nothing):
    refused(mma("--cgroup", cgroup, prepare=private(f"mount -t tmpfs none {cgroup}")), 2,
            str(cgroup), "not inside a cgroup2 mount")


def test_self_in_the_root_cgroup(leaves_nothing):
    refused(mma("--cgroup", "self"), 2, "self", "root of the hierarchy")


def test_one_bad_path_attaches_none(cgroup, leaves_nothing):
    refused(mma("--cgroup", cgroup, "--cgroup", "/"), 2)


@pytest.mark.parametrize("path, word", [("/run/netns/none", "No such file"), ("/etc/passwd", "not a network namespace"),
                                        ("/proc/self/ns/mnt", "not a network namespace"),
                                        ("/", "not a network namespace")])
def test_bad_netns(cgroup, leaves_nothing, path, word):
    refused(mma("--cgroup", cgroup, "--netns", path), 1, path, word, "/run/netns/NAME")


def test_cgroup_namespace(cgroup):
    """Paths cannot be followed from inside: it attaches by id, and says so."""
    inner = cgroup.child("inner")

    def prepare():
        unshare(0x2000000 | CLONE_NEWNS)
        for command in ("mount --make-rprivate /", "umount /sys/fs/cgroup", "mount -t cgroup2 none /sys/fs/cgroup"):
            assert os.system(command) == 0, command
    done = mma("--cgroup", "/sys/fs/cgroup/inner", cgroup=cgroup, prepare=prepare)
    assert done.rc == 0 and "by id" in done.err, done
    assert list(map_dict("paths")) == [f"id:{inner.id}"]
    with make_socket(cgroup=inner) as sock:
        assert so_protocol(sock) == MPTCP
    with make_socket(cgroup=cgroup) as sock:
        assert so_protocol(sock) == TCP


# Limits

def test_paths_full(cgroup):
    other = cgroup.child("other")
    attach(cgroup)
    slot = next(iter(map_dict("paths").values()))[0]
    with Map("paths") as paths:
        for n in range(4096):
            if n != slot:
                paths[f"/full/{n}"] = (n, 0)
        before = paths.dict(), map_dict("cgroups"), map_dict("ports")
        refused(mma("--cgroup", other, "--port", "7100"), 1, "full", "4096", "detach one")
        assert (paths.dict(), map_dict("cgroups"), map_dict("ports")) == before
    with make_socket(cgroup=cgroup) as sock:
        assert so_protocol(sock) == MPTCP


def test_every_port(cgroup):
    attach(cgroup, "--port", "1-65535,all")
    assert len(map_dict("ports")) == 65536


# Foreign objects at our pins

MAPS = ["ports", "cgroups", "departed", "paths", "netns", "stats", "meta"]


def make_foreign(path, kind, tmp_path):
    for parent in (PINS, os.path.dirname(path)):
        if parent.startswith(PINS) and parent != path and not os.path.isdir(parent):
            os.mkdir(parent, 0o700)
    if kind == "map":
        fd = bpfsys.map_create(2, 4, 4, 1)
        bpfsys.obj_pin(fd, path)
        os.close(fd)
    elif kind == "twin":  # our sizes, but a plain hash
        fd = bpfsys.map_create(1, *{"stats": (4, 128), "departed": (8, 8)}[os.path.basename(path)], 1)
        bpfsys.obj_pin(fd, path)
        os.close(fd)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "symlink":
        os.symlink(tmp_path, path)
    elif kind == "open directory":
        os.mkdir(path)
        os.mkdir(f"{path}/theirs")
        os.chmod(path, 0o777)
    elif kind == "program":
        from mma import HERE
        run(["bpftool", "prog", "load", f"{HERE}/observer.bpf.o", path])


def remove_foreign(path):
    if os.path.isdir(path) and not os.path.islink(path):
        if os.path.isdir(f"{path}/theirs"):
            os.rmdir(f"{path}/theirs")
        os.rmdir(path)
    else:
        os.unlink(path)
    for parent in (os.path.dirname(path), PINS):
        if parent.startswith(PINS) and os.path.isdir(parent):
            for sub in ("links", "progs"):
                if os.path.isdir(f"{parent}/{sub}"):
                    os.rmdir(f"{parent}/{sub}")
            os.rmdir(parent)


@pytest.mark.parametrize("name, kind", [
    *((m, "map") for m in MAPS), ("stats", "twin"), ("departed", "twin"), ("ports", "directory"), ("paths", "directory"), ("meta", "program"),
    ("ports", "program"), ("", "map"), ("", "symlink"), ("", "open directory"), ("links", "map"),
    ("progs", "program"), ("links", "symlink"), ("links/upgrade", "directory"), ("links/strip-LO", "directory"),
    ("progs/strip", "directory"), ("links/follow_mkdir", "directory"),
])
def test_foreign_object(cgroup, tmp_path, name, kind):
    path = f"{PINS}/{name}".rstrip("/").replace("LO", f"{netns_cookie()}-1")
    before = objects()
    make_foreign(path, kind, tmp_path)
    with_it = objects()
    try:
        refused(mma("--cgroup", cgroup), 1, path)
        wait_until(lambda: nothing_left(with_it), f"{name}: nothing of a failed run stays")
        assert os.path.lexists(path), "what is not ours is left where it is"
        pins = [os.path.join(d, f) for d, _, files in os.walk(PINS) for f in files]
        assert set(pins) <= {path}, pins
        assert os.listdir(tmp_path) == []
    finally:
        remove_foreign(path)
    wait_until(lambda: nothing_left(before), "gone")


def test_foreign_neighbour_in_our_directory(cgroup):
    """A foreign object is pinned there: it stays, and --detach says so."""
    attach(cgroup)
    make_foreign(f"{PINS}/theirs", "map", None)
    try:
        done = mma("--detach")
        assert done.rc == 1 and "something else" in one_line(done.err)
        assert os.listdir(PINS) == ["theirs"]
    finally:
        remove_foreign(f"{PINS}/theirs")


@pytest.mark.parametrize("mode", [["--cgroup", "t.service"], ["--detach"], ["--refresh"], ["--allow", "25"],
                                  ["--deny", "25"], ["--status"]], ids=lambda m: m[0])
def test_foreign_abi(cgroup, mode):
    """Changes meta's first word, as bpftool would."""
    attach(cgroup)
    value = run(["bpftool", "-j", "map", "dump", "pinned", f"{PINS}/meta"]).out
    raw = re.search(r'"value":\[("0x[^\]]*)\]', value).group(1).replace('"', "").split(",")
    key = ["bpftool", "map", "update", "pinned", f"{PINS}/meta", "key", "0", "0", "0", "0", "value"]
    run([*key, *map(str, (99).to_bytes(4, sys.byteorder)), *raw[4:]])
    try:
        before = map_dict("paths"), map_dict("ports")
        refused(mma(*mode), 1, "ABI 99", "ABI 1", "reboot")
        assert (map_dict("paths"), map_dict("ports")) == before
    finally:
        run([*key, *raw])


# The modes themselves

def test_quiet_drops_notes(cgroup):
    later = f"{cgroup}/later.service"
    assert "does not exist yet" in mma("--cgroup", later).err
    assert mma("--cgroup", later, "-q").err == ""
    assert one_line(mma("--cgroup", "/", "-q").err)
    mma("--detach", check=True)
    assert mma("--detach", "-q").err == ""


def test_verbose(cgroup):
    assert len(mma("--cgroup", cgroup, "-vv").err.splitlines()) > 20
    mma("--detach", check=True)
    assert "libbpf" not in mma("--cgroup", cgroup, "-v").err


def test_allow_and_deny(cgroup):
    refused(mma("--allow", "25"), 1, "nothing is attached", "--cgroup")
    attach(cgroup)
    mma("--deny", "25", check=True)
    assert map_dict("ports")[25] == 0
    attach(cgroup, "--port", "25")
    assert map_dict("ports")[25] == 0, "a live decision survives a restart"
    mma("--allow", "25/listen", check=True)
    assert map_dict("ports")[25] & 3 == 1
    mma("--allow", "4000-4010,imaps/connect", check=True)
    assert {p: map_dict("ports")[p] & 3 for p in (4000, 4010, 993)} == {4000: 3, 4010: 3, 993: 3}


def test_default_ports(cgroup):
    attach(cgroup)
    assert map_dict("ports") == dict.fromkeys([25, 465, 587, 110, 995, 143, 993], 1)
    attach(cgroup, "--port", "26")
    assert map_dict("ports")[26] == 3 and len(map_dict("ports")) == 8


def test_detach_what_is_not_attached(cgroup):
    attach(cgroup)
    done = mma("--detach", "--cgroup", "no.service")
    assert done.rc == 0 and "was not attached" in done.err
    assert status()["armed"]
