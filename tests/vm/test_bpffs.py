# SPDX-License-Identifier: GPL-2.0-only
"""What people do to the BPF file system while services are attached: mount over it, unmount it,
make it read-only. Each mode reports that in one line, and none creates a second attachment beside
one whose pins are hidden."""

import os

import pytest

import bpfsys
from conftest import nothing_left
from mma import MPTCP, PINS, TCP, Map, attach, make_socket, mma, objects, resident, run, so_protocol, status, wait_until
from test_cli import one_line, private, refused

MODES = {"cgroup": ["--cgroup", "other.slice"], "status": ["--status"], "status --json": ["--status", "--json"],
         "refresh": ["--refresh"], "allow": ["--allow", "25"], "deny": ["--deny", "25"], "detach": ["--detach"],
         "detach of one": ["--detach", "--cgroup", "other.slice"]}


FEW = ("cgroup", "status", "detach")  # each takes the 2 s in which the kernel may free what was unpinned


def protocol(**place):
    with make_socket(**place) as sock:
        return so_protocol(sock)


def each_refuses(cgroup, *words, modes=MODES):
    """Each mode refuses, and changes nothing."""
    before = objects()
    for name in modes:
        refused(mma(*MODES[name]), 1, *words)
    done = mma("--check")
    line = next(line for line in done.out.splitlines() if " bpffs " in line)
    assert done.rc == 3 and "✗" in line and words[0] in line, done
    assert objects() == before
    assert protocol(cgroup=cgroup) == MPTCP


def test_mounted_over(cgroup):
    attach(cgroup)
    number = bpfsys.program_of(f"{PINS}/progs/upgrade")
    run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"])
    try:
        each_refuses(cgroup, "another file system (bpf) is mounted over", f"id {number}", "umount /sys/fs/bpf")
        assert not os.path.exists(PINS)
    finally:
        run(["umount", "/sys/fs/bpf"])
    assert status()["armed"]
    mma("--detach", check=True)
    assert protocol(cgroup=cgroup) == TCP


def test_mounted_over_what_is_above(cgroup):
    """As some versions of bpftool did (libbpf/bpftool#127)."""
    attach(cgroup)
    run(["mount", "-t", "bpf", "bpf", "/sys/fs"])
    try:
        for name in FEW:
            refused(mma(*MODES[name]), 1, "another file system (bpf) is mounted over", "umount /sys/fs\n")
    finally:
        run(["umount", "/sys/fs"])
    assert status()["armed"] and protocol(cgroup=cgroup) == MPTCP


def test_mounted_over_by_itself(cgroup):
    """Mounting the same instance twice hides nothing."""
    run(["mount", "--bind", "/sys/fs/bpf", "/sys/fs/bpf"])
    try:
        attach(cgroup)
        assert status()["armed"]
        mma("--check", check=True)
        mma("--detach", check=True)
    finally:
        run(["umount", "/sys/fs/bpf"])


def test_mounted_over_while_nothing_is_attached(cgroup):
    """The upper file system works just as well."""
    run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"])
    try:
        attach(cgroup)
        assert status()["armed"]
        mma("--detach", check=True)
        assert protocol(cgroup=cgroup) == TCP
    finally:
        run(["umount", "/sys/fs/bpf"])


def test_unmounted_while_a_sandbox_keeps_it(cgroup):
    attach(cgroup)
    before = objects()
    with resident(prepare=private()) as pid:
        run(["umount", "/sys/fs/bpf"])
        each_refuses(cgroup, "their pins are not visible here", "grep -ls", "or reboot", modes=FEW)
        assert not os.path.ismount("/sys/fs/bpf")
        found = run(["sh", "-c", "grep -ls ' - bpf ' /proc/[0-9]*/mountinfo"]).out.split()
        assert found == [f"/proc/{pid}/mountinfo"], "the remedy names it"
    wait_until(lambda: not objects()["prog"] & before["prog"] or protocol(cgroup=cgroup) == TCP, "with it all is gone")
    assert mma("--status", check=True).out == "armed       no: nothing is attached\n"
    attach(cgroup)
    assert os.path.ismount("/sys/fs/bpf") and protocol(cgroup=cgroup) == MPTCP


def test_pins_removed_while_a_process_holds_the_link(cgroup):
    attach(cgroup)
    link = bpfsys.obj_get(f"{PINS}/links/upgrade")
    meta = Map("meta")
    try:
        run(["rm", "-rf", PINS])
        refused(mma("--cgroup", cgroup), 1, "a process holds the link")
        # Create another attachment beside it, as an older version would have.
        committed = meta._call(bpfsys.MAP_LOOKUP, bytes(4), bytes(48))
        meta._call(bpfsys.MAP_UPDATE, bytes(4), bytes(48))
        attach(cgroup)
        assert mma("--status").err == ""
        meta._call(bpfsys.MAP_UPDATE, bytes(4), committed)
        done = mma("--status")
        assert done.rc == 0 and done.out.startswith("armed       yes\n")
        assert "not visible here" in one_line(done.err)
    finally:
        os.close(link)
        os.close(meta.fd)
    wait_until(lambda: mma("--status").err == "", "with the link it is gone")


def test_detach_is_no_attachment_out_of_sight(cgroup):
    """Detaching leaves no hidden attachment, not even directly afterwards while a process still
    holds a program."""
    attach(cgroup)
    held = [bpfsys.obj_get(f"{PINS}/{name}") for name in ("progs/upgrade", "links/upgrade")]
    try:
        mma("--detach", check=True)
        for args in (["--status"], ["--cgroup", cgroup], ["--detach"], ["--cgroup", cgroup]):
            mma(*args, check=True)
        assert status()["armed"]
        os.close(held.pop())
        run(["rm", "-rf", PINS])
        for _ in range(3):
            attach(cgroup)
            run(["rm", "-rf", PINS])
    finally:
        for fd in held:
            os.close(fd)


@pytest.mark.parametrize("how", ["remount,ro", "remount,bind,ro"], ids=["file system", "mount"])
def test_read_only(cgroup, how):
    attach(cgroup)
    run(["mount", "-o", how, "/sys/fs/bpf"])
    try:
        if how == "remount,ro":
            for args in MODES.values():
                refused(mma(*args), 1, "Read-only", "mount -o remount,rw /sys/fs/bpf")
        refused(mma("--detach"), 1, "Read-only", "mount -o remount,rw /sys/fs/bpf")
        assert protocol(cgroup=cgroup) == MPTCP
    finally:
        run(["mount", "-o", how.replace("ro", "rw"), "/sys/fs/bpf"])
    assert status()["armed"] and mma("--refresh").rc == 0
    mma("--detach", check=True)
    before = objects()
    run(["mount", "-o", how, "/sys/fs/bpf"])
    try:
        refused(mma("--cgroup", cgroup), 1, "Read-only", "mount -o remount,rw /sys/fs/bpf")
        assert mma("--status").rc == 0
    finally:
        run(["mount", "-o", how.replace("ro", "rw"), "/sys/fs/bpf"])
    wait_until(lambda: nothing_left(before), "nothing stays")
