# SPDX-License-Identifier: GPL-2.0-only
"""A second program on the hook (tests/vm/progs/observer.bpf.c), attached before or after ours. For
sockets that we leave alone, its answer and its number of calls are the same as without us."""

import os
import socket
import struct
import subprocess

import pytest

import bpfsys
from mma import HERE, MPTCP, TCP, attach, inside, run, so_protocol, sysctl

PIN = "/sys/fs/bpf/observer"


class Observer:
    def __init__(self):
        run(["bpftool", "prog", "loadall", f"{HERE}/observer.bpf.o", PIN, "autoattach",
             "pinmaps", f"{PIN}-maps"])
        self.map = bpfsys.Map.__new__(bpfsys.Map)
        self.map.key, self.map.value = struct.Struct("=I"), struct.Struct("=II")
        self.map.fd = bpfsys.obj_get(f"{PIN}-maps/observed")

    def remove(self):
        os.close(self.map.fd)
        subprocess.run(["rm", "-rf", PIN, f"{PIN}-maps"], check=True)

    def watch(self, *args, answer=0, **place):
        """Calls socket(*args) in a place where the observer sees and answers it: the type of the
        socket, and how often the observer was called."""
        def observed():
            pid = os.getpid()
            self.map[pid] = (0, answer)
            with socket.socket(*args) as sock:
                got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), so_protocol(sock)
            calls = self.map.get(pid)[0]
            del self.map[pid]
            return got, calls
        return inside(observed, **place)


@pytest.fixture
def observer(clean):
    it = Observer()
    yield it
    it.remove()


@pytest.fixture(params=["observer first", "observer last"])
def both(request, clean, cgroup):
    """Both attached, in either order; the newest runs first."""
    if request.param == "observer first":
        it = Observer()
        attach(cgroup)
    else:
        attach(cgroup)
        it = Observer()
    yield it
    it.remove()


LEFT_ALONE = [
    # place, arguments of socket(2), the observer's answer
    ("outside", (socket.AF_INET, socket.SOCK_STREAM, 0), 0),
    ("outside", (socket.AF_INET, socket.SOCK_STREAM, 0), MPTCP),
    ("outside", (socket.AF_INET, socket.SOCK_STREAM, TCP), MPTCP),
    ("outside", (socket.AF_INET6, socket.SOCK_STREAM, 0), MPTCP),
    ("inside", (socket.AF_INET, socket.SOCK_DGRAM, 0), 0),
    ("inside", (socket.AF_UNIX, socket.SOCK_STREAM, 0), 0),
    ("inside", (socket.AF_INET, socket.SOCK_RAW, TCP), 0),
    ("inside", (socket.AF_INET, socket.SOCK_STREAM, MPTCP), 0),
    ("inside", (socket.AF_INET, socket.SOCK_STREAM, MPTCP), TCP),
]


def watch_all(observer, cgroup):
    return [observer.watch(*args, answer=answer, **({"cgroup": cgroup} if where == "inside" else {}))
            for where, args, answer in LEFT_ALONE]


def test_left_alone_as_without_us(both, cgroup):
    with_us = watch_all(both, cgroup)
    assert all(calls == 1 for _, calls in with_us)
    run(["rm", "-rf", bpfsys.PINS])  # removes ours without involving the observer
    assert watch_all(both, cgroup) == with_us


def test_kept_tcp_is_left_alone(both, cgroup):
    """When upgrade keeps TCP for lack of certainty, that is no answer: the observer still
    decides."""
    sysctl("net.mptcp.enabled", 0)
    try:
        assert both.watch(socket.AF_INET, socket.SOCK_STREAM, 0, cgroup=cgroup) == ((1, TCP), 1)
    finally:
        sysctl("net.mptcp.enabled", 1)


def test_upgrade_works_beside_it(both, cgroup):
    got, _ = both.watch(socket.AF_INET, socket.SOCK_STREAM, 0, cgroup=cgroup)
    assert got == (socket.SOCK_STREAM, MPTCP)


def test_the_observer_observes(observer):
    """The control, without our programs."""
    assert observer.watch(socket.AF_INET, socket.SOCK_STREAM, 0) == ((1, TCP), 1)
    assert observer.watch(socket.AF_INET, socket.SOCK_STREAM, 0, answer=MPTCP) == ((1, MPTCP), 1)
