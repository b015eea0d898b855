# SPDX-License-Identifier: GPL-2.0-only
"""Counts the instructions of socket(2), with various programs on its hook."""

import contextlib
import os
import re
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = f"{HERE}/mptcp-mail-attach"
CGROUPS = "/sys/fs/cgroup"
BENCH = f"{CGROUPS}/bench.slice"
PINS = "/sys/fs/bpf/bench"
PREEMPT = "/sys/kernel/debug/sched/preempt"
HOOKED = "/sys/kernel/tracing/enabled_functions"
TCP, UDP, UNIX, EXPLICIT = (2, 1, 0), (2, 2, 0), (1, 1, 0), (2, 1, 262)
MADE_MPTCP = 262


def hook_is_free():
    """The kernel takes its time to free a link."""
    while "update_socket_protocol" in open(HOOKED, encoding="ascii").read():
        time.sleep(0.01)


def tool(*words):
    subprocess.run([TOOL, "-q", *words], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def peer(name, times=1):
    """Puts a program of this directory on the hook."""
    for i in range(times):
        subprocess.run(["bpftool", "prog", "loadall", f"{HERE}/{name}.bpf.o", f"{PINS}-{i}", "autoattach"], check=True)
    yield
    for i in range(times):
        subprocess.run(["rm", "-r", f"{PINS}-{i}"], check=True)
    hook_is_free()


def attach(paths):
    """Creates cgroups with these paths below /bench.slice and attaches them. Returns the first
    one's directory."""
    dirs = [f"{BENCH}/{path}" for path in paths]
    for path in dirs:
        os.makedirs(path, exist_ok=True)
    for i in range(0, len(dirs), 250):
        tool("--no-repair", *(word for path in dirs[i:i + 250] for word in ("--cgroup", path)))
    return dirs[0]


@contextlib.contextmanager
def attached(paths):
    yield attach(paths)
    tool("--detach")
    hook_is_free()


def preemption(mode=None):
    """The kernel's preemption mode; with an argument, sets it."""
    with open(PREEMPT, "w" if mode else "r", encoding="ascii") as f:
        if mode:
            f.write(mode)
            return mode
        return re.search(r"\((\w+)\)", f.read())[1]


def bystander(depth):
    """A cgroup this many levels below the root; neither it nor one above it is attached."""
    path = "/".join([CGROUPS, "bystander.slice"] + [f"l{n}" for n in range(2, depth + 1)])
    os.makedirs(path, exist_ok=True)
    return path


def count(cgroup, kind, command=("sockets",), mptcp=False):
    """Counts the instructions of one socket(2), and checks that it created the intended kind of
    socket."""
    argv = [*command[:-1], f"{HERE}/{command[-1]}", cgroup, *map(str, kind)]
    *rounds, made = map(int, subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())
    assert (made == MADE_MPTCP) == mptcp, f"{argv}: SO_PROTOCOL {made}"
    return min(rounds)
