# SPDX-License-Identifier: GPL-2.0-only
"""A server in a container, attached from the host by its cgroup."""

import itertools
import os

import pytest

import conftest
import machine
import mma
from bpfsys import objects
from clients import FAMILIES, PROTOCOLS

CONTAINER = conftest.the_server()
STATE = {}


@pytest.fixture(scope="module", autouse=True)
def container():
    machine.set_up()
    conftest.VERSIONS.update(machine.versions(CONTAINER.packages))
    CONTAINER.configure()
    STATE["objects"] = objects()
    CONTAINER.start()
    mma.mma("--cgroup", CONTAINER.cgroup, check=True)
    CONTAINER.restart()


def every_session(wanted=None):
    for session, protocol, family in itertools.product(CONTAINER.sessions, PROTOCOLS.values(), FAMILIES.values()):
        session.run(CONTAINER, protocol, family, wanted)


def first_session(wanted):
    CONTAINER.sessions[0].run(CONTAINER, mma.MPTCP, FAMILIES["IPv4"], wanted)


@pytest.mark.feature("listen")
def test_listeners(container):
    """As --status on the host reports them."""
    service = mma.service("/" + CONTAINER.cgroup)
    assert {(lis["port"], lis["proto"]) for lis in service["listeners"]} == {(25, "mptcp")}


@pytest.mark.feature("smtp")
def test_sessions(container):
    every_session()


@pytest.mark.feature("allowlist")
def test_allowlist(container):
    """Effective from the next handshake on, inside and outside."""
    mma.mma("--deny", "25", check=True)
    every_session(wanted=mma.TCP)
    mma.mma("--allow", "25", check=True)
    first_session(mma.MPTCP)


@pytest.mark.feature("restart")
def test_restart(container):
    for _ in range(3):
        CONTAINER.restart()
        first_session(mma.MPTCP)


@pytest.mark.feature("MPTCP switched off inside")
def test_mptcp_off_inside_only(container):
    assert mma.sysctl("net.mptcp.enabled") == "1"
    mma.sysctl("net.mptcp.enabled", 0, netns=CONTAINER.netns)
    CONTAINER.restart()
    every_session(wanted=mma.TCP)
    assert mma.counters("/" + CONTAINER.cgroup)["kept_mptcp_off"] > 0
    mma.sysctl("net.mptcp.enabled", 1, netns=CONTAINER.netns)
    CONTAINER.restart()
    first_session(mma.MPTCP)


@pytest.mark.feature("detach")
def test_detach(container):
    mma.mma("--detach", "--cgroup", CONTAINER.cgroup, check=True)
    CONTAINER.restart()
    first_session(mma.TCP)
    assert mma.service("/" + CONTAINER.cgroup) is None
    mma.mma("--detach", check=True)
    machine.systemctl("stop", *CONTAINER.units)
    machine.sh(f"ip netns delete {CONTAINER.netns}")
    assert not os.path.exists(mma.PINS)
    mma.wait_until(lambda: objects()["link"] <= STATE["objects"]["link"], "the kernel frees our links")
    mma.wait_until(lambda: objects()["map"] <= STATE["objects"]["map"], "and our maps")
