# SPDX-License-Identifier: GPL-2.0-only
"""Which sockets become MPTCP, and which are not affected at all."""

import contextlib
import errno
import itertools
import json
import os
import signal
import socket

import pytest

from invariant import PORT as NEVER_LISTED
from mma import (CGROUPS, HERE, MPTCP, PINS, TCP, Cgroup, Map, attach, connect, counters, fork, inside, is_mptcp, join,
                 listen, make_socket, mma, resident, run, so_protocol, status, sysctl, try_connection, unshare)

FLAGS = [0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK]
FAMILIES = [socket.AF_INET, socket.AF_INET6]
CLONE_NEWNET = 0x40000000
NOBODY = 65534

pytestmark = pytest.mark.usefixtures("invariant")


def protocol(*args, **place):
    with make_socket(*args, **place) as sock:
        return so_protocol(sock)


def own_protocol(*args):
    """The protocol of a socket created in this very process; for use with inside()."""
    with socket.socket(*args) as sock:
        return so_protocol(sock)


def test_every_way_to_ask_for_tcp(cgroup):
    attach(cgroup)
    ways = [(family, socket.SOCK_STREAM | flags, proto)
            for family, flags, proto in itertools.product(FAMILIES, FLAGS, [0, TCP])]

    def all_ways():
        return {way: own_protocol(*way) for way in ways}
    assert inside(all_ways, cgroup=cgroup) == dict.fromkeys(ways, MPTCP)
    assert inside(all_ways) == dict.fromkeys(ways, TCP)


def test_flags_reach_the_socket(cgroup):
    attach(cgroup)

    def flags_of(kind):
        with socket.socket(socket.AF_INET, kind) as sock:
            return so_protocol(sock), os.get_blocking(sock.fileno())
    assert inside(flags_of, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, cgroup=cgroup) == (MPTCP, False)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_listed_port_speaks_mptcp(cgroup, family):
    """Elsewhere, the invariant checker must never see this."""
    attach(cgroup, "--port", "7001")
    with listen(7001, cgroup=cgroup, family=family) as listener:
        client = socket.socket(family, socket.SOCK_STREAM, MPTCP)
        assert try_connection(listener, client) == (True, True)


def test_an_unlisted_port_is_the_control(cgroup):
    attach(cgroup, "--port", "7001")
    with listen(NEVER_LISTED + 1, cgroup=cgroup) as listener:
        assert so_protocol(listener) == MPTCP
        assert try_connection(listener, socket.socket(proto=MPTCP)) == (False, False)


def test_ten_levels_below(cgroup):
    attach(cgroup)
    deep = cgroup
    for level in range(10):
        deep = deep.child(f"level{level}")
    assert protocol(cgroup=deep) == MPTCP


def test_level_ten_attached(cgroup):
    deep = cgroup
    for level in range(10):
        deep = deep.child(f"level{level}")
    attach(deep)
    assert protocol(cgroup=deep) == MPTCP
    assert protocol(cgroup=os.path.dirname(deep.dir)) == TCP


def test_another_user(cgroup):
    """When the list has a port that anybody can use (otherwise see test_can_use.py)."""
    attach(cgroup, "--port", "25")
    assert protocol(cgroup=cgroup, uid=NOBODY) == MPTCP
    assert protocol(uid=NOBODY) == TCP


def test_static_binary(cgroup):
    attach(cgroup)
    assert run([f"{HERE}/sockproto"], cgroup=cgroup).out == f"{MPTCP}\n"
    assert run([f"{HERE}/sockproto"]).out == f"{TCP}\n"


def test_scrubbed_environment(cgroup):
    attach(cgroup)
    argv = ["/usr/bin/env", "-i", f"{HERE}/sockproto"]
    assert run(argv, cgroup=cgroup, env={}).out == f"{MPTCP}\n"
    assert run(argv, env={}).out == f"{TCP}\n"


def test_preempted_amid_socket(cgroup, invariant, preemption):
    """While one task is in upgrade, another one calls socket(2) on the same CPU."""
    preemption.mode = "full"
    attach(cgroup)
    invariant.pause()
    lines = run([f"{HERE}/preempt", "3"], cgroup=cgroup, timeout=60).out.splitlines()
    made, tcp = (sum(map(int, column)) for column in zip(*map(str.split, lines)))
    program = json.loads(run(["bpftool", "-j", "prog", "show", "pinned", f"{PINS}/progs/upgrade"]).out)
    invariant.resume()
    assert program["recursion_misses"] > 0, "preempted in time, or this shows nothing"
    assert (made > 1000, tcp) == (True, 0)


def test_parents_and_siblings(cgroup):
    inner = cgroup.child("inner")
    sibling = cgroup.child("sibling")
    similar = cgroup.child("inner2")
    attach(inner)
    assert protocol(cgroup=inner) == MPTCP
    for outside in (CGROUPS, cgroup, sibling, similar):
        assert protocol(cgroup=outside) == TCP, outside


def test_a_task_that_moves_while_it_makes_sockets(cgroup):
    """The task moves out of an attached tree and back. upgrade must judge it by one cgroup only,
    the one that it was in. If it used two, it would remember the cgroup that the task left as a
    bystander, and the tasks in there would stay TCP. (The moment is short, so other attached paths
    add levels that make the walk longer.)"""
    moves = 1500  # about 200 were enough when it used two cgroups
    inner, decoy = cgroup.child("level0"), cgroup
    with contextlib.ExitStack() as stack:
        outside = Cgroup()
        stack.callback(outside.remove)
        attach(cgroup)
        for level in range(8):
            inner, decoy = inner.child(f"level{level + 1}"), decoy.child("decoy")
            attach(decoy)

        def storm():
            while True:
                with socket.socket():
                    pass
        pid, _ = fork(storm, cgroup=inner)
        stack.callback(os.waitpid, pid, 0)
        stack.callback(os.kill, pid, signal.SIGKILL)
        for _ in range(moves):
            for place in (outside, inner):
                with open(f"{place}/cgroup.procs", "w", encoding="ascii") as f:
                    f.write(str(pid))
        assert protocol(cgroup=inner) == MPTCP


def test_bystander_attached_later(cgroup):
    """When a cgroup, or one above it, is attached, upgrade forgets that it was a bystander."""
    inner = cgroup.child("inner")
    places = inner, inner.child("below")
    attach(cgroup.child("other"))
    for _ in range(2):
        assert [protocol(cgroup=place) for place in places] == [TCP, TCP]
        attach(inner)
        assert [protocol(cgroup=place) for place in places] == [MPTCP, MPTCP]
        mma("--detach", "--cgroup", inner, check=True)


def test_moved_out_and_in(cgroup):
    attach(cgroup)

    def in_and_out():
        join(cgroup)
        with socket.socket() as before:
            join(CGROUPS)
            with socket.socket() as after:
                return so_protocol(before), so_protocol(after), so_protocol(before)
    assert inside(in_and_out) == (MPTCP, TCP, MPTCP)


def outcome(*args):
    """Everything that a program sees of socket(2), including errors."""
    try:
        with socket.socket(*args) as sock:
            return sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN), \
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), so_protocol(sock)
    except OSError as e:
        return errno.errorcode[e.errno]


OTHERS = [
    (socket.AF_INET, socket.SOCK_DGRAM, 0),
    (socket.AF_INET6, socket.SOCK_DGRAM, 17),
    (socket.AF_INET, socket.SOCK_DGRAM, 136),
    (socket.AF_INET, socket.SOCK_DGRAM, 1),
    (socket.AF_UNIX, socket.SOCK_STREAM, 0),
    (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0),
    (socket.AF_INET, socket.SOCK_RAW, TCP),
    (socket.AF_INET, socket.SOCK_RAW, 255),
    (socket.AF_INET6, socket.SOCK_RAW, TCP),
    (socket.AF_INET, socket.SOCK_STREAM, 132),
    (socket.AF_INET, socket.SOCK_SEQPACKET, 132),
    (socket.AF_INET, socket.SOCK_STREAM, MPTCP),
    (socket.AF_INET6, socket.SOCK_STREAM, MPTCP),
    (socket.AF_INET, socket.SOCK_DGRAM, TCP),
    (socket.AF_INET, socket.SOCK_STREAM, 2),
    (socket.AF_INET6, socket.SOCK_STREAM, 4),
    (socket.AF_INET, socket.SOCK_STREAM, 17),
    (socket.AF_INET, socket.SOCK_STREAM, 255),
    (socket.AF_INET, 0xf, 0),
    (socket.AF_PACKET, socket.SOCK_RAW, 0),
    (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    (99, socket.SOCK_STREAM, 0),
]


def test_all_other_sockets_untouched(cgroup, invariant):
    attach(cgroup)
    invariant.pause()
    before = counters(cgroup)

    def all_outcomes():
        return {args: outcome(*args) for args in OTHERS}
    here = inside(all_outcomes)
    assert inside(all_outcomes, cgroup=cgroup) == here
    assert counters(cgroup) == before
    assert here[(socket.AF_INET, socket.SOCK_STREAM, MPTCP)][2] == MPTCP


def test_rubbish_is_refused_as_ever(cgroup):
    """An unknown flag: the hook sees it before socket(2) refuses it."""
    attach(cgroup)
    assert inside(outcome, socket.AF_INET, 0x10001, 0, cgroup=cgroup) == "EINVAL"


def test_counters_count(cgroup, invariant):
    attach(cgroup)
    invariant.pause()
    before = counters(cgroup)["upgraded"]
    for _ in range(5):
        protocol(cgroup=cgroup)
        protocol()
    assert counters(cgroup)["upgraded"] == before + 5


def test_fresh_namespace_stays_tcp(cgroup):
    attach(cgroup)

    def fresh():
        unshare(CLONE_NEWNET)
        return own_protocol()
    before = counters(cgroup)["kept_netns_uncovered"]
    assert inside(fresh, cgroup=cgroup) == TCP
    assert counters(cgroup)["kept_netns_uncovered"] == before + 1
    assert protocol(cgroup=cgroup) == MPTCP


@contextlib.contextmanager
def namespace_of_service(cgroup):
    """Creates a network namespace with a process of the cgroup in it; returns its path."""
    with resident(lambda: unshare(CLONE_NEWNET), cgroup=cgroup) as pid:
        run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "link", "set", "lo", "up"])
        yield f"/proc/{pid}/ns/net"


def works_as_mptcp(cgroup, netns):
    def connection():
        with listen(25, proto=0) as listener:
            return so_protocol(listener), tuple(try_connection(listener, socket.socket(proto=MPTCP)))
    return inside(connection, cgroup=cgroup, netns=netns)


@pytest.mark.parametrize("how", ["--refresh", "--netns", "--cgroup"])
def test_namespace_covered(cgroup, how):
    attach(cgroup, "--port", "25")
    with namespace_of_service(cgroup) as netns:
        assert works_as_mptcp(cgroup, netns) == (TCP, (False, False))
        if how == "--refresh":
            mma("--refresh", check=True)
        else:
            attach(cgroup, *(["--netns", netns] if how == "--netns" else []))
        assert works_as_mptcp(cgroup, netns) == (MPTCP, (True, True))
        assert protocol(netns=netns) == TCP


def test_namespace_there_before_the_attach(cgroup):
    with namespace_of_service(cgroup) as netns:
        attach(cgroup, "--port", "25")
        assert works_as_mptcp(cgroup, netns) == (MPTCP, (True, True))


@pytest.fixture
def mptcp_off(invariant):
    """Pauses the checker, whose own clients ask for MPTCP."""
    invariant.pause()
    sysctl("net.mptcp.enabled", 0)
    yield
    sysctl("net.mptcp.enabled", 1)


def plain_connection(cgroup):
    """It works as TCP, up to the last byte."""
    with listen(25, cgroup=cgroup) as listener:
        assert so_protocol(listener) == TCP
        with connect("127.0.0.1", 25, proto=0, cgroup=cgroup) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"EHLO")
                assert server.recv(4) == b"EHLO"
                assert not is_mptcp(client) and not is_mptcp(server)


def test_mptcp_switched_off_and_on(cgroup, invariant):
    attach(cgroup)
    invariant.pause()  # its own clients ask for MPTCP
    before = counters(cgroup)
    try:
        sysctl("net.mptcp.enabled", 0)
        plain_connection(cgroup)
        for family in FAMILIES:
            assert protocol(family, cgroup=cgroup) == TCP
        after = counters(cgroup)
    finally:
        sysctl("net.mptcp.enabled", 1)
    assert after["kept_mptcp_off"] == before["kept_mptcp_off"] + 4
    assert after["upgraded"] == before["upgraded"]
    assert protocol(cgroup=cgroup) == MPTCP


@pytest.mark.usefixtures("mptcp_off")
def test_attach_while_switched_off(cgroup, invariant):
    """It attaches with a warning, and works once MPTCP is switched on."""
    done = mma("--cgroup", cgroup)
    assert done.rc == 0
    assert "net.mptcp.enabled=1" in done.err
    plain_connection(cgroup)
    sysctl("net.mptcp.enabled", 1)
    for family in FAMILIES:
        assert protocol(family, cgroup=cgroup) == MPTCP
    invariant.resume()


def test_switched_off_in_one_namespace(cgroup, net):
    attach(cgroup, "--netns", f"/run/netns/{net.server}", "--netns", f"/run/netns/{net.client}")
    sysctl("net.mptcp.enabled", 0, netns=net.server)
    assert protocol(cgroup=cgroup, netns=net.server) == TCP
    assert protocol(cgroup=cgroup, netns=net.client) == MPTCP
    assert protocol(cgroup=cgroup) == MPTCP


def test_ipv6_disabled_by_sysctl(cgroup):
    attach(cgroup, "--port", "7001")
    sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    try:
        assert protocol(socket.AF_INET6, cgroup=cgroup) == MPTCP
        with listen(7001, cgroup=cgroup) as listener:
            assert try_connection(listener, socket.socket(proto=MPTCP)) == (True, True)
    finally:
        sysctl("net.ipv6.conf.all.disable_ipv6", 0)


def test_family_without_mptcp(cgroup):
    """As on a kernel without CONFIG_MPTCP_IPV6: sets what the loader would have found."""
    attach(cgroup)
    with Map("meta") as meta:
        m = list(meta.get(0))
        m[3] = 0
        meta[0] = tuple(m)
    before = counters(cgroup)["kept_no_family"]
    assert protocol(socket.AF_INET6, cgroup=cgroup) == TCP
    assert protocol(socket.AF_INET, cgroup=cgroup) == MPTCP
    assert counters(cgroup)["kept_no_family"] == before + 1


def test_nearest_attached_is_credited(cgroup, invariant):
    inner = cgroup.child("inner")
    below = inner.child("below")
    other = cgroup.child("other")
    attach(cgroup, "--cgroup", inner)
    invariant.pause()
    start = counters(cgroup)["upgraded"], counters(inner)["upgraded"]
    for place in (inner, below, below, cgroup, other):
        assert protocol(cgroup=place) == MPTCP
    assert (counters(cgroup)["upgraded"], counters(inner)["upgraded"]) == (start[0] + 2, start[1] + 3)
    done = mma("--detach", "--cgroup", inner, check=True)
    assert f"still attached through {cgroup.path}" in done.err
    assert protocol(cgroup=inner) == MPTCP
    assert counters(cgroup)["upgraded"] == start[0] + 3


def test_detached_parent_leaves_child(cgroup):
    inner = cgroup.child("inner")
    attach(cgroup, "--cgroup", inner)
    mma("--detach", "--cgroup", cgroup, check=True)
    assert protocol(cgroup=inner) == MPTCP
    assert protocol(cgroup=cgroup) == TCP


def test_socketpair_and_accept_are_not_hooked(cgroup):
    with listen(7002, cgroup=cgroup) as old:
        attach(cgroup, "--port", "7002")

        def pair():
            a, b = socket.socketpair()
            with a, b:
                a.sendall(b"x")
                return b.recv(1), so_protocol(a)
        assert inside(pair, cgroup=cgroup) == (b"x", 0)
        assert so_protocol(old) == TCP
        assert try_connection(old, socket.socket(proto=MPTCP)) == (False, False)


def test_detached_is_tcp_again(cgroup, invariant):
    attach(cgroup)
    assert protocol(cgroup=cgroup) == MPTCP
    invariant.pause()
    mma("--detach", "--cgroup", cgroup, check=True)
    assert protocol(cgroup=cgroup) == TCP


def test_self(cgroup):
    """As in ExecStartPre=."""
    assert mma("--cgroup", "self", cgroup=cgroup, check=True).out == f"attached {cgroup.path}\n"
    assert protocol(cgroup=cgroup) == MPTCP


def test_self_in_control_subgroup(cgroup):
    mma("--cgroup", "self", cgroup=cgroup.child(".control"), check=True)
    assert protocol(cgroup=cgroup) == MPTCP


def test_relative_path(cgroup):
    mma("--cgroup", cgroup.path[1:], check=True)
    assert protocol(cgroup=cgroup) == MPTCP


def test_path_as_status_and_proc_write_it(cgroup):
    """Also in a slice that does not exist yet, and with every mode."""
    inner = cgroup.child("mail.service")
    with resident(cgroup=inner) as pid, open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
        # If another test has mounted a cgroup v1 hierarchy, that has a line there, too.
        path = next(line for line in f.read().splitlines() if line.startswith("0::")).removeprefix("0::")
    assert mma("--cgroup", path, check=True).out == f"attached {path}\n"
    assert protocol(cgroup=inner) == MPTCP
    assert mma("--check", "--cgroup", path).rc == 0
    assert mma("--cgroup", "/later.slice/x.service", check=True).out == "attached /later.slice/x.service\n"
    assert [s["path"] for s in status()["services"]] == ["/later.slice/x.service", path]
    for path in [s["path"] for s in status()["services"]]:
        mma("--detach", "--cgroup", path, check=True)
    assert protocol(cgroup=inner) == TCP


def test_name_of_a_unit(cgroup):
    """If the unit's cgroup is not in the root, its path is proposed; if it has none, the likely
    path."""
    inner = cgroup.child("postfix@-.service")
    done = mma("--cgroup", inner.name)
    assert done == (2, "", f"mptcp-mail-attach: postfix@-.service: the name of a unit; give the path of its cgroup, {inner.path}\n")
    assert not os.path.exists(PINS)
    done = mma("--cgroup", "nginx.service", check=True)
    assert "more likely /system.slice/nginx.service" in done.err


def test_many_cgroups_in_one_run(cgroup):
    groups = [Cgroup(parent=cgroup) for _ in range(5)]
    mma(*(word for g in groups for word in ("--cgroup", g)), check=True)
    assert [protocol(cgroup=g) for g in groups] == [MPTCP] * 5
