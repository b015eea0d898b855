# SPDX-License-Identifier: GPL-2.0-only
"""A newer package is installed while services run. Programs are replaced, and at no moment is
there none; the allowlist and the counters stay, and nothing is counted twice."""

import os
import pickle
import select
import socket

import pytest

import mma
from bpfsys import obj_get
from invariant import Background
from mma import Cgroup, Map, counters
from units import (HERE, MPTCP, NEXT, THIS, Unit, enable, install, own_objects, reload_systemd, run, show,
                   speaks_mptcp, systemctl, wait_until, wait_until_none_is_ours)


@pytest.fixture
def this_version(clean):
    yield
    with Map("meta") as meta:  # whatever made it: ours again
        meta[0] = (1, *meta.get(0)[1:])
    install(THIS)


def build():
    with Map("meta") as meta:
        return meta.get(0)[6]


class Storm:
    """A service that creates sockets as fast as it can."""

    def __init__(self, name, settings=""):
        self.unit = Unit(name, "--storm", settings + f"\nCPUWeight=idle\nStandardOutput=append:/run/{name}.out")
        self.file = f"/run/{name}.out"

    def outcome(self):
        """(sockets, how many of them TCP), once it has ended."""
        self.unit.stop()
        with open(self.file) as f:
            made, tcp = map(int, f.read().splitlines()[-1].split())  # after the drop-in's own line
        os.unlink(self.file)
        return made, tcp


def churn(cgroup, stop):
    """Creates and removes a cgroup until told to stop; returns how often."""
    os.nice(19)
    n = 0
    while not select.select([stop], [], [], 0)[0]:
        cgroup.make()
        os.rmdir(cgroup.dir)
        n += 1
    return n


class Churn:
    """Runs churn() in a process of its own."""

    def __init__(self, cgroup):
        self.here, there = socket.socketpair()
        self.pid, self.outcome = mma.fork(self._run, cgroup, there)
        there.close()

    def _run(self, cgroup, there):
        self.here.close()
        return churn(cgroup, there)

    def stop(self):
        self.here.close()
        with os.fdopen(self.outcome, "rb") as f:
            ok, value = pickle.load(f)
        os.waitpid(self.pid, 0)
        assert ok, value
        return value


@pytest.fixture
def load(clean):
    """The load meanwhile: sockets in a service with MPTCP on and in one with it off, an attached
    cgroup that is removed and created again, and the invariant."""
    wait_until_none_is_ours()
    up = Storm("storm-up.service")
    off = Storm("storm-off.service", "PrivateNetwork=yes\nExecStartPre=+/bin/sh -c 'echo 0 >/proc/sys/net/mptcp/enabled'")
    enable("storm-up", "storm-off")
    comes_and_goes, hammered = Cgroup("churn.service", make=False), Cgroup("hammered.service")
    mma.mma("--cgroup", comes_and_goes.dir, "--cgroup", hammered, "--port", "4444", check=True)
    mma.mma("--deny", "4444", check=True)
    systemctl("start", "storm-up.service", "storm-off.service")
    running = [Churn(comes_and_goes), Background(hammered)]

    def stop():
        """(rounds of the invariant, restarts, outcomes of the storms)"""
        # Each holds a descriptor that stops those before it.
        got = [running.pop().stop() for _ in range(2)]
        return *got, up.outcome(), off.outcome()
    yield stop
    if running:
        stop()
    hammered.remove()


def without_entries():
    """Meanwhile these change, and with them the memory of two maps that are not allocated in advance."""
    own = own_objects()
    maps = [(name, None if name in ("accounts", "cgroups") else size) for name, size in own["maps"]]
    return own["progs"], maps, own["pins"]


@pytest.mark.usefixtures("this_version")
def test_upgrade_and_downgrade_under_load(load):
    inode, first, ports = os.stat(f"{mma.PINS}/ports").st_ino, build(), mma.map_dict("ports")
    before = without_entries()
    for deb, changes in ((NEXT, True), (NEXT, False), (THIS, True)):
        was, start = build(), counters("/system.slice/storm-up.service")["upgraded"]
        assert "mptcp-mail-attach: " not in install(deb).err
        assert (build() != was) == changes, deb
        assert counters("/system.slice/storm-up.service")["upgraded"] > start > 0
    assert build() == first
    assert os.stat(f"{mma.PINS}/ports").st_ino == inode
    assert mma.map_dict("ports") == ports
    wait_until(lambda: without_entries() == before, "the kernel frees the old ones")

    rounds, restarts, (made, tcp), (kept, kept_tcp) = load()
    assert rounds > 0
    assert made > 1000 and tcp == 0, f"{tcp} of {made} sockets were TCP"
    assert counters("/system.slice/storm-up.service")["upgraded"] == made
    assert kept_tcp == kept > 1000
    # The one that both builds saw when `meta` changed may be counted by neither: twice, if at all.
    assert 0 <= kept - counters("/system.slice/storm-off.service")["kept_mptcp_off"] <= 2
    assert restarts > 10
    assert counters("/churn.service")["restarts"] == restarts


def sockets(n):
    for _ in range(n):
        socket.socket().close()


@pytest.mark.usefixtures("this_version")
def test_nothing_is_counted_twice(clean):
    """While a newer build takes over, both builds run: here for as long as the older one's links
    are held."""
    service = Cgroup("service.service")
    mma.mma("--cgroup", service, check=True)
    held = [obj_get(f"{mma.PINS}/links/{name}") for name in ("upgrade", "upgrade_2", "follow_mkdir", "follow_rmdir")
            if os.path.exists(f"{mma.PINS}/links/{name}")]
    install(NEXT)
    before = counters(service)
    mma.inside(sockets, 10, cgroup=service)
    mma.sysctl("net.mptcp.enabled", 0)
    try:
        mma.inside(sockets, 20, cgroup=service)
    finally:
        mma.sysctl("net.mptcp.enabled", 1)
    for _ in range(3):
        service.restart()
    now = counters(service)
    grown = {name: now[name] - before[name] for name in now if now[name] != before[name]}
    for link in held:
        os.close(link)
    service.remove()
    assert grown == {"upgraded": 10, "kept_mptcp_off": 20, "restarts": 3}


@pytest.mark.usefixtures("this_version")
def test_foreign_abi(clean):
    """Every mode refuses, with the remedy; the attachment keeps working."""
    unit = Unit("server.service", 25)
    enable("server")
    unit.start()
    foreign = f"{HERE}/../foreign"
    for args in (["--refresh"], ["--cgroup", "system.slice/server.service"], ["--status"], ["--detach"],
                 ["--allow", "26"], ["--deny", "25"]):
        got = run([foreign, *args], check=False)
        assert got.rc == 1 and got.out == "", args
        assert got.err == ("mptcp-mail-attach: /sys/fs/bpf/mptcp-mail: made by a version of this tool with ABI 1, this "
                           "one has ABI 2; detach with that version, or reboot\n"), args
    assert speaks_mptcp(25)
    unit.restart()
    assert unit.protocol() == MPTCP

    # The same with a package: the installation succeeds, and says so.
    with Map("meta") as meta:
        meta[0] = (2, *meta.get(0)[1:])
    got = install(NEXT)
    assert "with ABI 2, this one has ABI 1; detach with that version, or reboot" in got.err
    assert "attached services keep the programs of the version before" in got.err
    unit.restart()
    assert unit.protocol() == MPTCP, "followed as before"
    assert len(unit.lines()) == 1
    assert show("server.service", "Result") == "success"


def test_upgrade_with_nothing_attached(clean):
    try:
        assert install(NEXT).err == ""
        assert not os.path.exists(mma.PINS)
    finally:
        install(THIS)


def test_kernel_has_none_of_it_twice(clean):
    """Installing the same version again replaces nothing."""
    unit = Unit("server.service", 25)
    enable("server")
    unit.start()
    ids = {kind: mma.objects()[kind] for kind in ("prog", "link")}
    install(THIS)
    assert {kind: mma.objects()[kind] for kind in ("prog", "link")} == ids
    reload_systemd()
