# SPDX-License-Identifier: GPL-2.0-only
"""Sizes that no mail server reaches, and every table full: it works, or one line says what is full
and what to do."""

import contextlib
import os
import resource
import socket
import sys
import time

import pytest

import bpfsys
import invariant as rule2
import links
from mma import (MPTCP, PINS, TCP, Cgroup, Map, _tool, attach, connect, counters, is_mptcp, listen, make_socket,
                 map_dict, mma, netns_cookie, netns_status, objects, resident, run, service, status,
                 try_connection, wait_until)
from syscalls import calls_of, protocol
from test_cli import refused
from test_strip_coverage import foreign_program

MAX_CGROUPS, MAX_NETNS, MAX_DEPARTED = 8192, 4096, 8192


def speaks(cgroup, port, **place):
    """Whether both ends of a connection to a listener of the cgroup speak MPTCP."""
    with listen(port, cgroup=cgroup, **place) as listener:
        got = try_connection(listener, make_socket(proto=MPTCP))
    assert got.client == got.server
    return got.client


def words(option, values):
    return [word for value in values for word in (option, value)]


def timed(what, *args, **kwargs):
    begin = time.monotonic()
    done = mma(*args, check=True, **kwargs)
    print(f"{what}: {time.monotonic() - begin:.2f} s")
    return done


def calls(*args):
    """The number of system calls that the tool makes."""
    return len(calls_of([_tool(), *args]))


# A thousand paths

def test_a_thousand_paths(cgroup):
    groups = [cgroup.child(f"s{n}.service") for n in range(1000)]
    empty = calls("-q", *words("--cgroup", groups[:10]), "--port", "7001")
    mma("--detach", check=True)
    for n in range(0, 990, 330):
        timed(f"{n} to {n + 329}", "-q", *words("--cgroup", groups[n:n + 330]), "--port", "7001")
    # An attach takes no longer because of existing paths: it holds the lock meanwhile.
    crowded = calls("-q", *words("--cgroup", groups[990:]), "--port", "7001")
    print(f"system calls of an attach of 10: {empty} the first ones, {crowded} the last ones")
    assert crowded < empty + 15 * 990, "each path is looked at some times, whatever their number"
    assert set(map_dict("paths")) == {g.path for g in groups}
    assert {slot for slot, _ in map_dict("paths").values()} == set(range(1000))
    assert set(map_dict("cgroups")) == {g.id for g in groups}

    for group in (groups[0], groups[500], groups[-1]):
        assert speaks(group, 7001)
        rule2.check(group)
        assert counters(group)["upgraded"] == 3
    assert protocol(cgroup=cgroup) == TCP
    begin = time.monotonic()
    assert [s["path"] for s in status()["services"] if s["upgrading"]] == sorted(g.path for g in groups)
    print(f"status: {time.monotonic() - begin:.2f} s")

    timed("refresh", "--refresh")
    groups[-1].restart()
    assert protocol(cgroup=groups[-1]) == MPTCP
    for group in (groups[0], groups[500]):
        timed("detach one", "--detach", "--cgroup", group)
    assert [protocol(cgroup=g) for g in (groups[0], groups[500], groups[1], groups[501])] == [TCP, TCP, MPTCP, MPTCP]
    assert set(map_dict("cgroups")) == {g.id for g in groups} - {groups[0].id, groups[500].id}
    timed("detach", "--detach")
    assert protocol(cgroup=groups[1]) == TCP


def test_status_of_many_is_no_square(cgroup):
    groups = [cgroup.child() for _ in range(60)]
    attach(cgroup)
    mma("-q", *words("--cgroup", groups[:20]), check=True)
    few = calls("--status")
    mma("-q", *words("--cgroup", groups[20:]), check=True)
    many = calls("--status")
    print(f"system calls of --status: {few} with 21 paths, {many} with 61")
    assert many < 4 * few
    assert {s["covered_by"] for s in status()["services"]} == {None, cgroup.path}


# Every port

def test_every_port_has_an_entry(cgroup):
    timed("attach", "--cgroup", cgroup, "--port", "1-65535")
    assert status()["ports"] == {str(port): ["listen", "connect"] for port in range(1, 65536)}
    assert [speaks(cgroup, port) for port in (1, 7001, 65535)] == [True] * 3
    timed("deny 2", "--deny", "1,65535/listen")
    assert [speaks(cgroup, port) for port in (1, 7001, 65535)] == [False, True, False]
    with Map("ports") as ports:  # as bpftool does
        ports[1], ports[7001] = 3, 0
        del ports[65535]
        assert [speaks(cgroup, port) for port in (1, 7001, 65535)] == [True, False, False]
        ports[65535] = 1
    assert speaks(cgroup, 65535)
    timed("again", "--cgroup", cgroup, "--port", "1-65535/listen")
    listed = status()["ports"]
    assert len(listed) == 65535 and listed["7001"] == [] and listed["65535"] == ["listen"]
    timed("deny all of them", "--deny", "1-65535")
    assert set(map(tuple, status()["ports"].values())) == {()} and not speaks(cgroup, 65535)
    timed("detach", "--detach")


# Many interfaces

def many_interfaces(cgroup, net, n):
    """long/ has a thousand."""
    begin = time.monotonic()
    links.batch(net.server, *(f"link add d{i} type dummy" for i in range(n)))
    print(f"made: {time.monotonic() - begin:.1f} s")
    before = objects()["link"]
    args = "--cgroup", cgroup, "--port", "7001"
    cookie = netns_cookie(net.server)

    def covered():
        found = netns_status(net.server)
        pins = [name for name in os.listdir(f"{PINS}/links") if name.startswith(f"strip-{cookie}-")]
        return found["interfaces"], found["uncovered"], len(pins)

    def answers(port):
        with listen(port, cgroup=cgroup, netns=net.server) as listener:
            with connect("192.0.2.1", port, netns=net.client) as client, listener.accept()[0]:
                return is_mptcp(client)
    with resident(cgroup=cgroup, netns=net.server):
        timed("attach", *args)
        assert covered() == (n + 2, 0, n + 2)
        assert (answers(7001), answers(7002)) == (True, False)
        links.batch(net.server, "link add more type dummy")
        assert covered() == (n + 3, 1, n + 2)
        timed("refresh", "--refresh")
        assert covered() == (n + 3, 0, n + 3)
        links.batch(net.server, *(f"link del d{i}" for i in range(0, n, 20)))
        left = n + 3 - len(range(0, n, 20))
        timed("refresh", "--refresh")
        assert covered() == (left, 0, left)
        timed("detach", "--detach")
        # The kernel takes its time to free the links, one after the other.
        timed("attach at once", *args)
        assert covered() == (left, 0, left)
        timed("detach", "--detach")
        begin = time.monotonic()
        wait_until(lambda: objects()["link"] <= before, "every link has gone", 120)
        print(f"released: {time.monotonic() - begin:.1f} s")


def test_a_hundred_interfaces(cgroup, net):
    many_interfaces(cgroup, net, 100)


# Deep trees

@contextlib.contextmanager
def tree(depth):
    """Nested cgroups; [0] is on the first level."""
    groups = [Cgroup("d")]
    try:
        while len(groups) < depth:
            groups.append(groups[-1].child(f"d{len(groups)}"))
        yield groups
    finally:
        groups[0].remove()


def test_thirty_levels_nested(clean):
    """Every third level is attached. The nearest one gets the counts; once it is detached, the
    next one above."""
    with tree(30) as groups:
        attached = groups[2::3]
        mma(*words("--cgroup", attached), "--port", "7001", check=True)
        deepest = groups[29]
        assert speaks(deepest, 7001)
        rule2.check(deepest)
        assert [counters(g)["upgraded"] for g in attached] == [0] * 9 + [3]
        assert [counters(g)["stripped_synack"] for g in attached] == [0] * 9 + [1]
        assert protocol(cgroup=groups[1]) == TCP
        for n, group in enumerate(groups[2:], 2):
            nearest = attached[(n - 2) // 3]
            before = counters(nearest)["upgraded"]
            assert protocol(cgroup=group) == MPTCP
            assert counters(nearest)["upgraded"] == before + 1, n
        above = {s["path"]: s["covered_by"] for s in status()["services"]}
        assert [above[g.path] for g in attached] == [None] + [g.path for g in attached[:-1]]
        for n in range(9, 0, -1):
            done = mma("--detach", "--cgroup", attached[n])
            assert done.rc == 0 and f"still attached through {attached[n - 1].path}" in done.err
            before = counters(attached[n - 1])["upgraded"]
            assert protocol(cgroup=deepest) == MPTCP
            assert counters(attached[n - 1])["upgraded"] == before + 1
            rule2.check(deepest)
        mma("--detach", check=True)
        assert protocol(cgroup=deepest) == TCP


def test_the_deepest_level_that_can_be_attached(clean):
    with tree(70) as groups:
        refused(mma("--cgroup", groups[63]), 2, "deeper than 63 levels", "attach one of its parents")
        assert not os.path.exists(PINS)
        attach(groups[62], "--port", "7001")
        assert [protocol(cgroup=groups[n]) for n in (61, 62, 63, 69)] == [TCP, MPTCP, MPTCP, MPTCP]
        assert speaks(groups[69], 7001)
        rule2.check(groups[69])
        mma("--cgroup", groups[0], check=True)
        mma("--detach", "--cgroup", groups[62], check=True)
        assert [protocol(cgroup=groups[n]) for n in (0, 61, 69)] == [MPTCP] * 3


# Full tables. `paths` is in test_cli, `accounts` in test_account; `ports` has room for every port.

def snapshot():
    with Map("cgroups") as cgroups:
        return ({name: map_dict(name) for name in ("paths", "ports")}, set(map_dict("netns")),
                set(cgroups.keys()), sorted(os.listdir(f"{PINS}/links")))


def test_cgroups_full_of_what_is_gone(cgroup):
    """Stale ids, which nobody removed in time, make room by themselves."""
    attach(cgroup)
    other = cgroup.child()
    slot = map_dict("paths")[cgroup.path][0]
    with Map("cgroups") as cgroups:
        cgroups.fill(((1 << 40) + n for n in range(MAX_CGROUPS - 1)), (slot, 0))
        assert len(list(cgroups.keys())) == MAX_CGROUPS
    attach(other)
    assert set(map_dict("cgroups")) == {cgroup.id, other.id}
    assert protocol(cgroup=other) == MPTCP


def test_cgroups_full(cgroup):
    """Full of existing cgroups: a path whose cgroup is created then stays TCP, and --status says
    so; a new path is refused."""
    later = Cgroup(make=False)
    other = Cgroup()
    many = cgroup.child("many")
    attach(cgroup, "--cgroup", later)
    slot = map_dict("paths")[cgroup.path][0]
    try:
        ids = [many.child(f"{n}").id for n in range(MAX_CGROUPS - 1)]
        with Map("cgroups") as cgroups:
            cgroups.fill(ids, (slot, 0))
            before = snapshot()
            refused(mma("--cgroup", other, "--port", "7100"), 1, other.path, "cgroups: full", "8192", "detach one")
            assert snapshot() == before
            assert [protocol(cgroup=g) for g in (cgroup, other)] == [MPTCP, TCP]
            later.make()
            assert protocol(cgroup=later) == TCP
            with listen(7001, cgroup=later):
                found = service(later)
            assert found["alive"] and not found["upgrading"]
            assert [l["reason"] for l in found["listeners"]] == [
                "its cgroup is not attached; run --refresh, then restart it"]
            for gone in ids[:2]:
                del cgroups[gone]
            mma("--refresh", check=True)
            assert protocol(cgroup=later) == MPTCP
            mma("--cgroup", other, check=True)
            assert protocol(cgroup=other) == MPTCP
    finally:
        for group in (later, other):
            group.remove()


def test_netns_full(cgroup, net):
    attach(cgroup)
    path = f"/run/netns/{net.server}"
    with Map("netns") as netns:
        netns.fill(((1 << 40) + n for n in range(MAX_NETNS - 1)), 1)
        before = snapshot()
        refused(mma("--cgroup", cgroup.child("x"), "--netns", path, "--port", "7100"), 1,
                "network namespace", "netns: full", "4096", "remove those that are not needed")
        assert snapshot() == before, "nothing half-attached"
        assert protocol(cgroup=cgroup, netns=net.server) == TCP
        assert counters(cgroup)["kept_netns_uncovered"] == 1
        del netns[1 << 40]
        mma("--cgroup", cgroup, "--netns", path, check=True)
        assert protocol(cgroup=cgroup, netns=net.server) == MPTCP


def test_departed_full_keeps_what_is_in_use(cgroup):
    """A cgroup that still makes connections is not evicted: its port stays TCP."""
    attach(cgroup)
    parent = cgroup.child()
    left = parent.child()
    attach(left)
    with listen(7001, cgroup=left) as listener:
        mma("--detach", "--cgroup", cgroup, check=True)
        gone = left.id
        os.rmdir(left.dir)
        for n in range(0, 2 * MAX_DEPARTED, 512):
            with Map("departed") as departed:
                departed.fill(((1 << 40) + n + i for i in range(512)), (0xffffffff, 0))
            got = try_connection(listener, make_socket(proto=MPTCP))
            assert (got.client, got.server) == (False, False), n
        found = map_dict("departed")
        assert gone in found and 0.9 * MAX_DEPARTED <= len(found) <= MAX_DEPARTED


def foreign_links(n, ifindex):
    """Attaches n TCX programs to an interface here."""
    fds = []
    for _ in range(n):
        program = foreign_program(-1)
        attr = bytearray(b"".join(x.to_bytes(4, sys.byteorder) for x in (program, ifindex, 47, 16, 0, 0, 0, 0)))
        fds.append(bpfsys.bpf(28, attr))
        os.close(program)
    return fds


def test_an_interface_full_of_programs(cgroup):
    run(["ip", "link", "add", "full0", "type", "dummy"])
    fds = foreign_links(63, socket.if_nametoindex("full0"))
    try:
        refused(mma("--cgroup", cgroup), 1, "full0: the allowlist cannot be enforced: 6", "63", "remove one")
        assert not os.path.exists(PINS) and protocol(cgroup=cgroup) == TCP
        os.close(fds.pop())
        wait_until(lambda: mma("-q", "--cgroup", cgroup).rc == 0, "the kernel has let go of it")
        assert protocol(cgroup=cgroup) == MPTCP
    finally:
        for fd in fds:
            os.close(fd)
        run(["ip", "link", "del", "full0"])


# Open files

@pytest.fixture
def namespaces(clean):
    names = [f"many{n}" for n in range(40)]
    run(["ip", "-batch", "-"], stdin="".join(f"netns add {name}\n" for name in names))
    yield [f"/run/netns/{name}" for name in names]
    run(["ip", "-batch", "-"], stdin="".join(f"netns del {name}\n" for name in names))


def limit_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("files", [8, 19, 24, 32, 40])
def test_too_few_files_for_the_programs(cgroup, files):
    """Wherever they run out, it is not the kernel that cannot (exit 3)."""
    refused(mma("--cgroup", cgroup, prepare=limit_files(files, files)), 1, "Too many open files")
    assert not os.path.exists(PINS)


def test_more_namespaces_than_files_may_be_open(cgroup, namespaces):
    """The soft limit is raised. If the hard limit is too low, the tool says so."""
    args = "--cgroup", cgroup, *words("--netns", namespaces)
    refused(mma(*args, prepare=limit_files(20, 30)), 1, "Too many open files", "ulimit -Hn")
    assert not os.path.exists(PINS)
    mma(*args, prepare=limit_files(20, 200), check=True)
    assert len(map_dict("netns")) == 41
    name = os.path.basename(namespaces[-1])
    links.batch(name, "link add d0 type dummy")
    refused(mma("--refresh", prepare=limit_files(20, 30)), 1, "Too many open files", "ulimit -Hn")
    mma("--refresh", prepare=limit_files(20, 200), check=True)
    assert netns_cookie(name) in map_dict("netns")
    links_of_it = [n for n in os.listdir(f"{PINS}/links") if n.startswith(f"strip-{netns_cookie(name)}-")]
    assert len(links_of_it) == 2
