# SPDX-License-Identifier: GPL-2.0-only
"""Only sockets that can use the list become MPTCP: those of a task that may bind a
privileged port, until the list has an entry that anybody can use."""

import contextlib
import ctypes
import itertools
import os
import signal
import socket
import struct
import threading

import pytest

from mma import MPTCP, PINS, TCP, Map, attach, counters, fork, inside, mma, run, so_protocol, sysctl, unshare

pytestmark = pytest.mark.usefixtures("invariant")

NOBODY = 65534
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 10, 12, 13
MAY_BIND = {NET_BIND_SERVICE, NET_ADMIN, NET_RAW}
with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as last:
    ALL = set(range(int(last.read()) + 1))
PR_SET_KEEPCAPS = 8
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}[os.uname().machine]
SYS_SETRESUID = {"x86_64": 117, "aarch64": 147}[os.uname().machine]
_libc = ctypes.CDLL(None, use_errno=True)


def set_caps(effective, permitted):
    """Of this thread alone."""
    def halves(caps):
        mask = sum(1 << c for c in caps)
        return mask & 0xffffffff, mask >> 32
    (el, eh), (pl, ph) = halves(effective), halves(permitted)
    head = struct.pack("=Ii", 0x20080522, 0)
    data = struct.pack("=6I", el, pl, 0, eh, ph, 0)
    assert not _libc.syscall(SYS_CAPSET, head, data), os.strerror(ctypes.get_errno())


def become(uid, caps=()):
    """Another user, for good, with these capabilities in permitted alone."""
    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    set_caps((), caps)


def own_protocol():
    with socket.socket() as sock:
        return so_protocol(sock)


def protocol(cgroup, prepare=lambda: None, **place):
    def make():
        prepare()
        return own_protocol()
    return inside(make, cgroup=cgroup, **place)


def nobodys(cgroup, **place):
    return protocol(cgroup, lambda: become(NOBODY), **place)


def test_nobody_keeps_tcp(cgroup):
    attach(cgroup)
    assert [protocol(cgroup), nobodys(cgroup)] == [MPTCP, TCP]
    counted = counters(cgroup)
    assert (counted["upgraded"] >= 1, counted["kept_no_listed_port"]) == (True, 1)


@pytest.mark.parametrize("cap", [NET_BIND_SERVICE, NET_ADMIN, NET_RAW])
def test_one_capability(cgroup, cap):
    """setcap and AmbientCapabilities= end in such credentials. Permitted is enough: it can be raised."""
    attach(cgroup)
    assert protocol(cgroup, lambda: become(NOBODY, [cap])) == MPTCP


def test_every_other_capability(cgroup):
    attach(cgroup)
    assert protocol(cgroup, lambda: become(NOBODY, ALL - MAY_BIND)) == TCP


def test_root_without_rights(cgroup):
    """What counts is the right, not the name: CapabilityBoundingSet= of a unit of root's."""
    attach(cgroup)
    assert protocol(cgroup, lambda: set_caps((), ())) == TCP


def test_dropped_and_regained(cgroup):
    """A daemon that keeps its saved uid may bind again."""
    attach(cgroup)
    assert protocol(cgroup, lambda: os.seteuid(NOBODY)) == MPTCP
    assert protocol(cgroup, lambda: os.setresuid(NOBODY, NOBODY, 0)) == MPTCP


def test_thread_without_rights(cgroup):
    """A thread may have credentials of its own; its leader may bind what it makes."""
    attach(cgroup)

    def thread_of_root():
        found = []

        def work():
            assert not _libc.syscall(SYS_SETRESUID, NOBODY, NOBODY, NOBODY)
            with open(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/status") as f:
                caps = next(line for line in f if line.startswith("CapPrm"))
            found.append((int(caps.split()[1], 16), own_protocol()))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return found
    assert inside(thread_of_root, cgroup=cgroup) == [(0, MPTCP)]


def test_user_namespace(cgroup):
    """Its root has every capability there, and none over the host's network; but whose
    rights hold where is the kernel's to say, so it is taken for somebody who may."""
    attach(cgroup)
    assert protocol(cgroup, lambda: unshare(CLONE_NEWUSER)) == MPTCP


def test_unprivileged_ports_begin_lower(cgroup):
    """net.ipv4.ip_unprivileged_port_start, also changed live; 0 in Docker's namespaces."""
    before = sysctl("net.ipv4.ip_unprivileged_port_start")
    attach(cgroup)
    try:
        for start, expected in ((994, TCP), (993, MPTCP), (0, MPTCP), (1024, TCP), (65535, TCP)):
            sysctl("net.ipv4.ip_unprivileged_port_start", start)
            assert nobodys(cgroup) == expected, start
    finally:
        sysctl("net.ipv4.ip_unprivileged_port_start", before)


def test_the_callers_namespace_counts(cgroup, net):
    """Each network namespace has a limit of its own."""
    attach(cgroup, "--netns", f"/run/netns/{net.server}")
    sysctl("net.ipv4.ip_unprivileged_port_start", 25, netns=net.server)
    assert [nobodys(cgroup), nobodys(cgroup, netns=net.server)] == [TCP, MPTCP]


ENTRIES = [("25/connect", True), ("25", True), ("4190/listen", True), ("1024/listen", True), ("all/listen", True),
           ("all/connect", True), ("1023/listen", False), ("24/listen", False), ("1-1023/listen", False)]


@pytest.mark.parametrize("entry, anybody", ENTRIES)
def test_entries(cgroup, entry, anybody):
    """Each by --port, by --allow, and taken back by --deny."""
    expected = MPTCP if anybody else TCP
    attach(cgroup)
    assert nobodys(cgroup) == TCP
    mma("--allow", entry, check=True)
    assert nobodys(cgroup) == expected
    mma("--deny", entry, check=True)
    assert nobodys(cgroup) == TCP
    mma("--detach", check=True)
    attach(cgroup, "--port", entry)
    assert nobodys(cgroup) == expected


def test_an_empty_list_is_nobodys(cgroup):
    attach(cgroup, "--port", "25/listen")
    mma("--deny", "25", check=True)
    assert [protocol(cgroup), nobodys(cgroup)] == [MPTCP, TCP]


@pytest.mark.parametrize("port, roles", [(25, 2), (25, 3), (4190, 1), (0, 1), (0, 2), (993, 0xff)])
def test_edit_by_bpftool(cgroup, port, roles):
    """As the contract has it: it just works, from the next socket on."""
    attach(cgroup)
    assert nobodys(cgroup) == TCP
    run(["bpftool", "map", "update", "pinned", f"{PINS}/ports", "key", str(port & 255), str(port >> 8), "value",
         str(roles)])
    assert nobodys(cgroup) == MPTCP
    mma("--refresh", check=True)  # looks what the list grants
    assert nobodys(cgroup) == MPTCP
    run(["bpftool", "map", "delete", "pinned", f"{PINS}/ports", "key", str(port & 255), str(port >> 8)])
    assert nobodys(cgroup) == MPTCP, "what takes away needs no haste"
    mma("--refresh", check=True)
    assert nobodys(cgroup) == TCP


@pytest.mark.parametrize("port, roles", [(25, 1), (992, 1), (993, 0), (4190, 0), (4190, 0xf0)])
def test_edit_by_bpftool_that_grants_nothing_new(cgroup, port, roles):
    attach(cgroup)
    with Map("ports") as ports:
        ports[port] = roles
    assert nobodys(cgroup) == TCP


def test_edit_by_batch(cgroup):
    attach(cgroup)
    with Map("ports") as ports:
        ports.fill([24, 26, 25], 2)
    assert nobodys(cgroup) == MPTCP


def test_another_map_is_none_of_ours(cgroup):
    attach(cgroup)
    run(["bpftool", "map", "create", "/sys/fs/bpf/other", "type", "hash", "key", "2", "value", "1", "entries", "8",
         "name", "ports"])
    try:
        run(["bpftool", "map", "update", "pinned", "/sys/fs/bpf/other", "key", "25", "0", "value", "3"])
        assert nobodys(cgroup) == TCP
    finally:
        os.unlink("/sys/fs/bpf/other")


@contextlib.contextmanager
def background(function):
    """A child that does this until the end."""
    pid, r = fork(function)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(r, "rb") as f:
            assert not f.read(), "it ended by itself"


def test_ten_thousand_edits_under_load(cgroup):
    """Each edit that grants is in force for nobody's next socket, while the loader reads the list and
    narrows what it grants again and again, and others edit it, too."""
    attach(cgroup)

    def narrow():
        while True:
            mma("--refresh", "-q", check=True)

    def grant_others():
        with Map("ports") as ports:
            for n in itertools.count():
                ports[1 + n % 900] = 1

    def edit():
        set_caps(ALL - MAY_BIND, ALL - MAY_BIND)
        missed = narrowed = 0
        with Map("ports") as ports:
            for n in range(10_000):
                ports[25] = 3 if n % 2 else 2
                missed += own_protocol() != MPTCP
                ports[25] = 1
                narrowed += own_protocol() == TCP
        return missed, narrowed

    with background(narrow), background(grant_others):
        missed, narrowed = inside(edit, cgroup=cgroup)
    assert missed == 0
    assert narrowed > 0, "the loader narrowed meanwhile, or this shows nothing"


def test_nobody_watches(cgroup):
    """Unpinned by hand: the next run notices, and puts it back."""
    attach(cgroup)
    for name in ("watch_list", "watch_list_2"):
        os.unlink(f"{PINS}/links/{name}")
    mma("--allow", "26/listen", check=True)
    assert nobodys(cgroup) == MPTCP, "without the watch anybody may use the list"
    mma("--refresh", check=True)
    assert nobodys(cgroup) == TCP


def test_a_kernel_that_does_not_let_us_watch(cgroup):
    """Its function is none that a program may sit on: as in 0.1.0, and --status says so."""
    with not_traceable("bpf_map_update_value"):
        done = attach(cgroup)
    assert "bpf_map_update_value" in done.err or "allowlist" in done.err
    assert nobodys(cgroup) == MPTCP
