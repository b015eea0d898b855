# SPDX-License-Identifier: GPL-2.0-only
"""Only sockets that can use the allowlist become MPTCP: those of tasks that may bind a privileged
port, and all others only while the list has an entry that anybody can use."""

import contextlib
import ctypes
import errno
import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

from bpfsys import MAP_LOOKUP_BATCH
from mma import (HERE, MPTCP, PINS, TCP, Map, _tool, attach, check, counters, fork, inside, join, mma, netns_status,
                 port_key, run, service, so_protocol, status, sysctl, unshare, wait_until, without_function)
from syscalls import BPF, calls_of

NOBODY = 65534
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 10, 12, 13
MAY_BIND = {NET_BIND_SERVICE, NET_ADMIN, NET_RAW}
with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as last:
    ALL = set(range(int(last.read()) + 1))
PR_SET_KEEPCAPS = 8
SYS_CAPSET = {"x86_64": 126, "aarch64": 91, "s390x": 185}[os.uname().machine]
SYS_SETRESUID = {"x86_64": 117, "aarch64": 147, "s390x": 208}[os.uname().machine]
_libc = ctypes.CDLL(None, use_errno=True)


def set_caps(effective, permitted):
    """Sets them for this thread only."""
    def halves(caps):
        mask = sum(1 << c for c in caps)
        return mask & 0xffffffff, mask >> 32
    (el, eh), (pl, ph) = halves(effective), halves(permitted)
    head = struct.pack("=Ii", 0x20080522, 0)
    data = struct.pack("=6I", el, pl, 0, eh, ph, 0)
    assert not _libc.syscall(SYS_CAPSET, head, data), os.strerror(ctypes.get_errno())


def become(uid, caps=()):
    """Becomes another user for good, with these capabilities permitted but not effective."""
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


def test_nobody_keeps_tcp(cgroup, invariant):
    attach(cgroup)
    assert [protocol(cgroup), nobodys(cgroup)] == [MPTCP, TCP]
    counted = counters(cgroup)
    assert (counted["upgraded"] >= 1, counted["kept_no_listed_port"]) == (True, 1)


@pytest.mark.parametrize("cap", [NET_BIND_SERVICE, NET_ADMIN, NET_RAW])
def test_one_capability(cgroup, cap):
    """setcap and AmbientCapabilities= lead to such credentials. Permitted is enough, because the
    task can raise it."""
    attach(cgroup)
    assert protocol(cgroup, lambda: become(NOBODY, [cap])) == MPTCP


def test_every_other_capability(cgroup):
    attach(cgroup)
    assert protocol(cgroup, lambda: become(NOBODY, ALL - MAY_BIND)) == TCP


def test_root_without_rights(cgroup):
    """The capability counts, not the uid: CapabilityBoundingSet= in a unit that runs as root."""
    attach(cgroup)
    assert protocol(cgroup, lambda: set_caps((), ())) == TCP


def test_dropped_and_regained(cgroup):
    """A daemon that keeps root as its saved uid may bind again."""
    attach(cgroup)
    assert protocol(cgroup, lambda: os.seteuid(NOBODY)) == MPTCP
    assert protocol(cgroup, lambda: os.setresuid(NOBODY, NOBODY, 0)) == MPTCP


def test_thread_without_rights(cgroup):
    """A thread may have its own credentials; the leader may bind a socket that the thread
    created."""
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
    """Root in a user namespace has every capability there, and none over the host's network. Only
    the kernel can decide which capability applies where, so such a task counts as one that may
    bind."""
    attach(cgroup)
    assert protocol(cgroup, lambda: unshare(CLONE_NEWUSER)) == MPTCP


def test_unprivileged_ports_begin_lower(cgroup, invariant):
    """net.ipv4.ip_unprivileged_port_start, also when changed at runtime; it is 0 in Docker's
    namespaces."""
    before = sysctl("net.ipv4.ip_unprivileged_port_start")
    attach(cgroup)
    try:
        for start, expected in ((996, TCP), (995, MPTCP), (0, MPTCP), (1024, TCP), (32768, TCP)):
            sysctl("net.ipv4.ip_unprivileged_port_start", start)
            assert nobodys(cgroup) == expected, start
    finally:
        sysctl("net.ipv4.ip_unprivileged_port_start", before)


def test_the_callers_namespace_counts(cgroup, net):
    """Each network namespace has its own limit."""
    attach(cgroup, "--netns", f"/run/netns/{net.server}")
    sysctl("net.ipv4.ip_unprivileged_port_start", 25, netns=net.server)
    assert [nobodys(cgroup), nobodys(cgroup, netns=net.server)] == [TCP, MPTCP]


ENTRIES = [("25/connect", True), ("25", True), ("4190/listen", True), ("1024/listen", True), ("all/listen", True),
           ("all/connect", True), ("1023/listen", False), ("24/listen", False), ("1-1023/listen", False)]


@pytest.mark.parametrize("entry, anybody", ENTRIES)
def test_entries(cgroup, entry, anybody):
    """Each entry is made by --port and by --allow, and withdrawn by --deny."""
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
    """As the contract says: it takes effect from the next socket on, without the tool."""
    attach(cgroup)
    assert nobodys(cgroup) == TCP
    run(["bpftool", "map", "update", "pinned", f"{PINS}/ports", "key", *port_key(port), "value",
         str(roles)])
    assert nobodys(cgroup) == MPTCP
    mma("--refresh", check=True)  # reads again what the list grants
    assert nobodys(cgroup) == MPTCP
    run(["bpftool", "map", "delete", "pinned", f"{PINS}/ports", "key", *port_key(port)])
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
        run(["bpftool", "map", "update", "pinned", "/sys/fs/bpf/other", "key", *port_key(25), "value", "3"])
        assert nobodys(cgroup) == TCP
    finally:
        os.unlink("/sys/fs/bpf/other")


@contextlib.contextmanager
def background(function, **place):
    """A child that runs this until the context ends."""
    pid, r = fork(function, **place)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(r, "rb") as f:
            assert not f.read(), "it ended by itself"


def test_ten_thousand_edits_under_load(cgroup, invariant, preemption):
    """Each edit that grants a port takes effect for nobody's next socket, while the loader keeps
    reading the list and narrowing what it grants, and others edit the list, too. (Not on
    preemptible kernels: if three tasks edit maps on one CPU, each interrupting the one before, the
    third edit is missed. docs/decisions.md)"""
    attach(cgroup)
    alone = preemption.mode not in ("none", "voluntary")

    def narrow():
        while True:
            mma("--refresh", "-q", check=True)

    def grant_others():  # not 25: the loader may read the list after such an edit, before our socket
        with Map("ports") as ports:
            for n in itertools.count():
                ports[26 + n % 900] = 1

    def edit():
        set_caps(ALL - MAY_BIND, ALL - MAY_BIND)
        missed, covered = 0, set()
        with Map("ports") as ports, Map("summary") as summary:
            for n in range(10_000):
                ports[25] = 3 if n % 2 else 2
                missed += own_protocol() != MPTCP
                ports[25] = 1
                own_protocol()
                covered.add(summary.get(0)[0])  # edits that the loader had read
        return missed, len(covered)

    def make_sockets():
        while True:
            own_protocol()

    with background(narrow), background(make_sockets if alone else grant_others, cgroup=cgroup):
        missed, narrowed = inside(edit, cgroup=cgroup)
    assert missed == 0
    assert narrowed > 2, "the loader narrowed meanwhile, or this shows nothing"


def reads_list(*args):
    """Whether this attach reads the whole list."""
    calls = calls_of([_tool(), "-q", *args])
    assert calls[-1][1] == 0, "exit_group(0)"
    return any(call[:2] == (BPF, MAP_LOOKUP_BATCH) for call in calls)


@pytest.mark.parametrize("ports, reads", [("25/listen", False), ("25,993/listen", False), ("8025/listen", False),
                                          ("all/listen", False), ("all", False), ("65535/listen", False),
                                          ("25/listen,2625/connect", True)])
def test_a_list_that_is_as_known_is_not_read(cgroup, ports, reads):
    """Only if a port that is not for mail may connect can a few lookups not tell."""
    attach(cgroup, "--port", ports)
    assert reads_list("--cgroup", cgroup, "--port", ports) is reads


@pytest.mark.parametrize("ports, key", [("25/listen,8025/listen", 8025), ("25", 25), ("all/listen", 0), ("all/connect", 0),
                                        ("65535/listen", 65535), ("25/listen,2625/connect", 2625)])
def test_withdrawn_by_bpftool(cgroup, ports, key):
    """The next attach notices, although everything else is in place."""
    attach(cgroup, "--port", ports)
    assert nobodys(cgroup) == MPTCP
    with Map("ports") as entries:
        entries[key] = 0
    assert nobodys(cgroup) == MPTCP, "what takes away needs no haste"
    attach(cgroup, "--port", "24/listen")
    assert nobodys(cgroup) == TCP


def test_an_edit_may_have_been_missed(cgroup, preemption):
    """The kernel skipped the second program, perhaps the first one, too. So the list is read."""
    preemption.mode = "full"
    attach(cgroup)
    assert not reads_list("--cgroup", cgroup)

    def edit():
        os.sched_setaffinity(0, {0})
        with Map("ports") as ports:
            while True:
                ports[25] = 1

    def edit_in_between():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setaffinity(0, {0})
        with Map("ports") as ports:
            for n in itertools.count():
                select.select([], [], [], 0.0001 + n % 97 * 1e-6)
                ports[25] = 1

    with background(edit), background(edit_in_between):
        wait_until(lambda: json.loads(run(["bpftool", "-j", "prog", "show", "pinned", f"{PINS}/progs/watch_list_2"]).out)
                   .get("recursion_misses"), "watch_list_2 is skipped", seconds=60)
    assert reads_list("--cgroup", cgroup)


def test_refresh_always_reads_the_list(cgroup):
    """Whatever the summary says, and whoever wrote the entry: a BPF program's edits are not noticed."""
    attach(cgroup)
    with Map("ports") as ports, Map("summary") as summary:
        before = summary.get(0)
        ports[4190] = 1
        assert nobodys(cgroup) == MPTCP
        summary[0] = (summary.get(1)[0], *before[1:])
    assert nobodys(cgroup) == TCP, "as if it had not been noticed"
    mma("--refresh", check=True)
    assert nobodys(cgroup) == MPTCP


def test_nobody_watches(cgroup):
    """Somebody removed the pin: the next run notices, and restores it."""
    attach(cgroup)
    for name in ("watch_list", "watch_list_2"):
        os.unlink(f"{PINS}/links/{name}")
    mma("--allow", "26/listen", check=True)
    assert nobodys(cgroup) == MPTCP, "without the watch anybody may use the list"
    mma("--refresh", check=True)
    assert nobodys(cgroup) == TCP


@pytest.fixture
def unwatched(tmp_path, monkeypatch):
    monkeypatch.setenv("MMA_TOOL", without_function("bpf_map_update_value", tmp_path / "tool"))


def test_kernel_without_the_function(cgroup, unwatched):
    """As in 0.1.0, sockets become MPTCP whatever the list grants. --status and --check say so."""
    done = attach(cgroup)
    assert done.err.count("sockets that can never use a listed port become MPTCP, too: ") == 1
    assert nobodys(cgroup) == MPTCP
    assert status()["list_watch"] == {"known": False, "reason": "this kernel has no function bpf_map_update_valuX"}
    assert "every socket of a service becomes MPTCP:" in mma("--status").out
    before = os.stat(f"{PINS}/progs/strip").st_ino
    attach(cgroup)
    mma("--refresh", check=True)
    assert os.stat(f"{PINS}/progs/strip").st_ino == before, "nothing is loaded again"
    rc, lines = check()
    assert rc == 0 and lines["list_watch"][0] == "warn" and "bpf_map_update_valuX" in lines["list_watch"][1]


def test_loading_refused(cgroup):
    """The kernel refuses it, for any reason: everything else is attached, and --refresh tries
    again."""
    run([f"{HERE}/failat", str(errno.EPERM), "watch_list", _tool(), "--cgroup", str(cgroup)])
    assert [status()["armed"], status()["list_watch"]["known"], nobodys(cgroup)] == [True, False, MPTCP]
    mma("--refresh", check=True)
    assert [status()["list_watch"], nobodys(cgroup)] == [{"known": True, "reason": None}, TCP]


def test_status_knows(cgroup):
    attach(cgroup)
    assert status()["list_watch"] == {"known": True, "reason": None}
    assert netns_status()["open_ports"] == {}
    assert "every socket of a service" not in mma("--status").out
    mma("--allow", "4190/listen,25/connect", check=True)
    assert netns_status()["open_ports"] == {"25": ["connect"], "4190": ["listen"]}
    assert "because any process may use\n            25/connect 4190/listen\n" in mma("--status").out
    mma("--deny", "25/connect,4190", check=True)
    with Map("ports") as ports:
        ports[25] = 3
    assert status()["list_watch"]["reason"] == "the list was edited since the last run; run --refresh to update the summary"
    mma("--refresh", check=True)
    assert status()["list_watch"]["known"]


# A server whose sockets are bound by another process, as with authbind.
HELPED = """
import os, signal, socket, sys
there = socket.socket(fileno=int(sys.argv[1]))
sock = socket.socket()
socket.send_fds(there, [b"."], [sock.fileno()])
there.recv(1)
signal.pause()
"""


@contextlib.contextmanager
def helped(cgroup, port):
    """Starts a server that listens on this port but never had the right to bind."""
    here, there = socket.socketpair()

    def prepare():
        join(cgroup)
        become(NOBODY)
    with here, there, subprocess.Popen([sys.executable, "-c", HELPED, str(there.fileno())],
                                       pass_fds=[there.fileno()], preexec_fn=prepare) as process:
        there.close()
        _, fds, _, _ = socket.recv_fds(here, 1, 1)
        with socket.socket(fileno=fds[0]) as sock:
            sock.bind(("0.0.0.0", port))
            sock.listen()
        here.send(b".")
        try:
            yield
        finally:
            process.kill()


def test_why_a_listener_stays_tcp(cgroup):
    """--status gives the true reason, not "made before the attach"."""
    attach(cgroup)
    with helped(cgroup, 25), helped(cgroup, 80):
        found = {lis["port"]: (lis["proto"], lis["reason"]) for lis in service(cgroup)["listeners"]}
        warned = check("--cgroup", cgroup)[1]["may_bind"]
    assert found == {25: ("tcp", "its process may not bind this port itself, so its sockets stay TCP; "
                                 "give it CAP_NET_BIND_SERVICE (AmbientCapabilities=)"),
                     80: ("tcp", "not on the list, and its process may not bind a listed port")}
    assert warned[0] == "warn" and warned[1].endswith(": 0.0.0.0:25") and "AmbientCapabilities" in warned[2]


def test_a_daemon_that_drops_its_rights_is_not_blamed(cgroup):
    """Like Exim, it bound as root and then became another user."""
    ready, there = os.pipe()

    def daemon():
        with socket.socket() as sock:
            sock.bind(("0.0.0.0", 25))
            sock.listen()
            become(NOBODY)
            os.write(there, b".")
            signal.pause()
    with background(daemon, cgroup=cgroup):
        os.read(ready, 1)
        assert check("--cgroup", cgroup)[1]["may_bind"][0] == "ok"
        attach(cgroup)
        assert "made before the attach" in service(cgroup)["listeners"][0]["reason"]
    os.close(ready)
    os.close(there)
