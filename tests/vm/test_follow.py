# SPDX-License-Identifier: GPL-2.0-only
"""An attached path stays attached while its cgroup is removed and created again."""

import os
import signal
import socket
import subprocess
from contextlib import contextmanager

import pytest

from mma import (CGROUPS, HERE, MPTCP, TCP, Cgroup, attach, counters, inside, listen, make_socket, map_dict,
                 mma, run, service, so_protocol, status, try_connection)


def first_socket(cgroup):
    with make_socket(cgroup=cgroup) as sock:
        return so_protocol(sock)


def first_connection(cgroup):
    with listen(7001, cgroup=cgroup) as listener:
        return tuple(try_connection(listener, socket.socket(proto=MPTCP)))


def ids():
    return set(map_dict("cgroups"))


@pytest.fixture
def group(clean):
    """A cgroup that does not exist yet."""
    it = Cgroup(make=False)
    yield it
    it.remove()


def test_twenty_restarts(cgroup):
    attach(cgroup, "--port", "7001")
    seen = {cgroup.id}
    for n in range(20):
        cgroup.restart()
        seen.add(cgroup.id)
        assert first_connection(cgroup) == (True, True), f"restart {n + 1}"
        assert ids() == {cgroup.id}
    assert len(seen) == 21, "every restart made another cgroup"
    assert counters(cgroup)["restarts"] == 20
    assert counters(cgroup)["upgraded"] == 20, "the counters survive"


def test_twenty_restarts_with_the_very_first_socket(cgroup):
    attach(cgroup)
    for n in range(20):
        cgroup.restart()
        assert first_socket(cgroup) == MPTCP, f"restart {n + 1}"


def test_before_it_exists(group):
    done = mma("--cgroup", group)
    assert done.rc == 0 and "does not exist yet" in done.err
    assert service(group)["alive"] is False
    assert ids() == set()
    group.make()
    assert first_socket(group) == MPTCP
    assert service(group)["alive"] is True
    assert service(group)["id"] == group.id


def test_before_its_parent_exists(cgroup):
    deep = Cgroup("c.service", f"{cgroup}/a/b", make=False)
    mma("--cgroup", deep, check=True)
    os.makedirs(deep.dir)
    assert first_socket(deep) == MPTCP
    assert first_socket(os.path.dirname(deep.dir)) == TCP


def test_removed_leaves_at_once(cgroup):
    attach(cgroup)
    gone = cgroup.id
    assert ids() == {gone}
    os.rmdir(cgroup.dir)
    assert ids() == set()
    assert gone in map_dict("departed")


def test_removed_parent(cgroup):
    inner = cgroup.child("inner.service")
    attach(inner)
    os.rmdir(inner.dir)
    os.rmdir(cgroup.dir)
    assert ids() == set()
    os.makedirs(inner.dir)
    assert first_socket(inner) == MPTCP


def test_several_paths_restart_together(cgroup):
    groups = [cgroup.child(f"s{n}.service") for n in range(8)]
    mma(*(word for g in groups for word in ("--cgroup", g)), check=True)
    for group in groups:
        os.rmdir(group.dir)
    assert ids() == set()
    for group in groups:
        group.make()
    assert ids() == {g.id for g in groups}
    assert [first_socket(g) for g in groups] == [MPTCP] * 8


def test_detached_path_is_not_followed(cgroup):
    other = Cgroup(parent=cgroup)
    attach(cgroup, "--cgroup", other)
    mma("--detach", "--cgroup", cgroup, check=True)
    other.restart()
    assert ids() == {other.id}
    os.rmdir(other.dir)
    cgroup.restart()
    assert ids() == set()
    assert first_socket(cgroup) == TCP


def test_neighbours_of_like_names_are_not_followed(cgroup):
    attach(cgroup.child("a.service"))
    before = ids()
    for name in ("a.servic", "a.service2", "A.service", "b.service"):
        assert first_socket(cgroup.child(name)) == TCP
    assert first_socket(Cgroup("a.service", cgroup.child("x").dir)) == TCP
    assert ids() == before


@contextmanager
def v1_hierarchy(tmp_path):
    done = run(["mount", "-t", "cgroup", "-o", "none,name=mma", "none", str(tmp_path)], check=False)
    if done.rc:
        pytest.skip(f"this kernel has no cgroup v1: {done.err.strip()}")
    try:
        yield str(tmp_path)
    finally:
        run(["umount", str(tmp_path)])


def test_v1_hierarchy_with_the_same_path(group, tmp_path):
    mma("--cgroup", group, check=True)
    with v1_hierarchy(tmp_path) as v1:
        os.mkdir(v1 + group.path)
        assert ids() == set()
        group.make()
        assert ids() == {group.id}
        os.rmdir(v1 + group.path)
        assert ids() == {group.id}
        assert first_socket(group) == MPTCP
        os.mkdir(v1 + group.path)
        assert ids() == {group.id}
        refused = mma("--cgroup", v1 + group.path)
        assert refused.rc == 2 and "cgroup v1" in refused.err
        os.rmdir(v1 + group.path)


# The longest path that can be attached (MMA_PATH_SIZE - 2), of two components.

def of_length(n):
    return f"/{'a' * 253}/{'b' * (n - 255)}"


def test_longest_path(clean):
    path = of_length(510)
    group = Cgroup(path.split("/")[2], f"{CGROUPS}/{path.split('/')[1]}", make=False)
    assert group.path == path
    mma("--cgroup", group, check=True)
    os.makedirs(group.dir)
    try:
        assert first_socket(group) == MPTCP
        group.restart()
        assert first_socket(group) == MPTCP
    finally:
        group.remove()
        os.rmdir(os.path.dirname(group.dir))


@pytest.mark.parametrize("length", [511, 512, 600])
def test_too_long_is_refused_and_never_matched(cgroup, length):
    """Nor is it truncated to a shorter path that is attached."""
    path = f"{cgroup.path}/{'a' * 200}/{'b' * 200}/"
    path += "c" * (length - len(path))
    attach(cgroup.child("other"))
    before = map_dict("paths"), ids()
    refused = mma("--cgroup", CGROUPS + path)
    assert refused.rc == 2 and "too long" in refused.err
    os.makedirs(CGROUPS + path)
    assert (map_dict("paths"), ids()) == before
    assert first_socket(CGROUPS + path) == TCP


def test_below_a_long_path(cgroup):
    """A process whose own path is too long for the map still belongs to the attached path
    above."""
    deep = f"{cgroup}/{'a' * 250}/{'b' * 250}/{'c' * 250}"
    attach(cgroup)
    os.makedirs(deep)
    assert first_socket(deep) == MPTCP


NAMES = {
    "space": b"a b.service",
    "spaces at the ends": b" a ",
    "backslash": b"dev\\x2ddisk.service",
    "octal": b"a\\040b",
    "quotes": b"a'b\"c$(d)",
    "escape": b"a\x1b[31mred.service",
    "tab": b"a\tb",
    "utf-8": "poštář.service".encode(),
    "c1": b"a\xc2\x9b31m",
    "latin-1": b"caf\xe9.service",
    "dashes": b"--detach",
    "colon": b"id:28",
    "dots": b"...",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_strange_names(cgroup, name):
    group = Cgroup(os.fsdecode(name), cgroup.dir)
    attached = mma("--cgroup", group.dir)
    assert attached.rc == 0, attached.err
    group.restart()
    assert first_socket(group) == MPTCP
    assert ids() == {group.id}
    text = mma("--status", check=True).out
    for out in (attached.out, attached.err, text):
        assert "\x1b" not in out and "\x9b" not in out and "\t" not in out
    assert len(status()["services"]) == 1
    if name != NAMES["latin-1"]:  # JSON is UTF-8
        assert service(group)["upgrading"] is True
    mma("--detach", "--cgroup", group.dir, check=True)
    assert first_socket(group) == TCP


def test_newline_in_a_name(clean):
    """The kernel refuses such a cgroup. The tool's message still fits its line."""
    with pytest.raises(OSError):
        os.mkdir(f"{CGROUPS}/a\nb")
    done = mma("--cgroup", f"{CGROUPS}/a\nb")
    assert done.rc == 0 and done.out == "attached /a\\x0ab\n"
    assert all(line.startswith("mptcp-mail-attach: /a\\x0ab: ") for line in done.err.splitlines())


# Races: another process creates and removes the cgroup as fast as it can.

class Racer:
    def __init__(self, *dirs):
        self.dirs = dirs
        self.pid = os.fork()
        if self.pid:
            return
        try:
            while True:
                for d in self.dirs:
                    os.mkdir(d)
                for d in reversed(self.dirs):
                    os.rmdir(d)
        finally:
            os._exit(1)

    @contextmanager
    def stopped(self):
        """Stops it between two of its system calls."""
        os.kill(self.pid, signal.SIGSTOP)
        _, how = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(how), "the racer failed"
        yield
        os.kill(self.pid, signal.SIGCONT)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for d in reversed(self.dirs):
            if os.path.isdir(d):
                os.rmdir(d)


@contextmanager
def racing(*dirs):
    racer = Racer(*dirs)
    try:
        yield racer
    finally:
        racer.end()


def present(*groups):
    return {g.id for g in groups if os.path.isdir(g.dir)}


@pytest.mark.usefixtures("invariant")
def test_race_with_attach_and_detach(cgroup, group):
    """After an attach the map has the id of the cgroup that exists, and no other. After a detach
    it has none. The programs stay, because another path is attached."""
    attach(cgroup)
    found = 0
    with racing(group.dir) as racer:
        for n in range(60):
            mma("--cgroup", group, check=True)
            with racer.stopped():
                there = present(group)
                assert ids() == {cgroup.id} | there, f"after attach {n}"
                found += bool(there)
            mma("--detach", "--cgroup", group, check=True)
            with racer.stopped():
                assert ids() == {cgroup.id}, f"after detach {n}"
    assert 0 < found, "the race was run"


def test_race_with_the_first_attach(group):
    """The attach loads the programs, too. The parent cgroup restarts as well."""
    inner = Cgroup("inner.service", group.dir, make=False)
    with racing(group.dir, inner.dir) as racer:
        for n in range(6):
            mma("--cgroup", group, "--cgroup", inner, check=True)
            with racer.stopped():
                assert ids() == present(group, inner), f"after attach {n}"
            mma("--detach", check=True)


def test_race_with_refresh(group):
    with racing(group.dir) as racer:
        mma("--cgroup", group, check=True)
        for n in range(30):
            mma("--refresh", check=True)
            with racer.stopped():
                assert ids() == present(group), f"after refresh {n}"


@pytest.fixture
def slow_mkdir():
    """Between the moment when follow enters a new cgroup's id and the moment when the cgroup can be
    opened, 10 ms pass (tests/vm/progs/slow.bpf.c). Start it after follow."""
    pin = "/sys/fs/bpf/slow"
    yield lambda: run(["bpftool", "prog", "loadall", f"{HERE}/slow.bpf.o", pin, "autoattach"])
    subprocess.run(["rm", "-rf", pin], check=True)


def test_race_with_refresh_before_it_can_be_opened(group, slow_mkdir):
    """An id whose cgroup cannot be opened yet is not taken for one that is gone."""
    mma("--cgroup", group, check=True)
    slow_mkdir()
    with racing(group.dir) as racer:
        for n in range(30):
            mma("--refresh", check=True)
            with racer.stopped():
                assert ids() == present(group), f"after refresh {n}"


def test_socket_in_every_short_life(group):
    """No process of the cgroup starts too early."""
    mma("--cgroup", group, check=True)

    def lives():
        got = []
        for _ in range(200):
            os.mkdir(group.dir)
            for place in (group.dir, CGROUPS):
                with open(f"{place}/cgroup.procs", "w") as f:
                    f.write("0")
                if place == group.dir:
                    with socket.socket() as sock:
                        got.append(so_protocol(sock))
            os.rmdir(group.dir)
        return got
    assert inside(lives) == [MPTCP] * 200
    assert ids() == set()


def test_nothing_of_ours_runs(cgroup):
    """No daemon: follow needs no process."""
    attach(cgroup)
    assert subprocess.run(["pgrep", "-f", "mptcp-mail-attach"], check=False).returncode == 1
