# SPDX-License-Identifier: GPL-2.0-only
"""The tool's system calls, one by one: a list of them, runs that are killed or fail at the Nth
(progs/killat.c), and what every such run must leave behind."""

import os
import socket

import invariant as rule2
from bpfsys import SYS_BPF as BPF
from mma import HERE, MPTCP, PINS, _tool, listen, make_socket, map_dict, mma, run, so_protocol, status, try_connection

NAME_TO_HANDLE_AT, OPENAT, WRITE = 303, 257, 1  # numbers of x86's asm/unistd_64.h
EXTENT = os.environ.get("MMA_KILL", "thorough")  # or each, or short


def calls_of(args):
    """The system calls of a command: number and three arguments."""
    done = run([f"{HERE}/killat", "0", *map(str, args)], check=False, timeout=300)
    return [tuple(map(int, line.split())) for line in done.out.splitlines()]


def killed_at(n, args):
    """Whether the tool reached its Nth system call, where it is killed."""
    done = run([f"{HERE}/killat", str(n), _tool(), *map(str, args)], check=False, timeout=120)
    assert done.rc in (0, 1), done
    return done.rc == 0


def failing_at(n, error, args):
    """What the tool did when its Nth system call failed; rc 99: it made fewer calls."""
    return run([f"{HERE}/failat", str(error), str(n), _tool(), *map(str, args)], check=False, timeout=120)


def protocol(**place):
    with make_socket(**place) as sock:
        return so_protocol(sock)


def state():
    """Everything that the next run can find."""
    pins = sorted(os.path.join(d, f) for d, _, files in os.walk(PINS) for f in files + [""])
    meta = [m[:6] for m in map_dict("meta").values()]  # the build id is written last
    return (pins, meta, *(map_dict(m) for m in ("paths", "cgroups", "netns", "ports")),
            [m[6] for m in map_dict("meta").values()])


def speaks(cgroup):
    """Whether a listed port of the cgroup speaks MPTCP."""
    with listen(7001, cgroup=cgroup) as listener:
        return tuple(try_connection(listener, socket.socket(proto=MPTCP))) == (True, True)


def armed(cgroup):
    assert status()["armed"] is True
    assert protocol(cgroup=cgroup) == MPTCP
    assert speaks(cgroup)
    rule2.check(cgroup)


def detach_if_any():
    if os.path.exists(PINS):
        mma("--detach", "-q", check=True)
        assert not os.path.exists(PINS)


def add_interface():
    run(["ip", "link", "add", "k0", "type", "veth", "peer", "name", "k1"], check=False)


def remove_interface():
    run(["ip", "link", "del", "k0"])
