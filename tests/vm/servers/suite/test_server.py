# SPDX-License-Identifier: GPL-2.0-only
"""One server, as its file describes it: as it is, then attached by --enable, then
not. Every session by an MPTCP client and by a TCP client, over IPv4 and IPv6."""

import itertools
import os
import traceback

import pytest

import conftest
import machine
import mma
from clients import FAMILIES, PROTOCOLS


SERVER = conftest.the_server()
STATE = {}


def feature(name, *values, ident=None):
    return pytest.param(*values, id=ident or name, marks=pytest.mark.feature(name))


@pytest.fixture(scope="session")
def unattached():
    """Started as it is; every session by TCP has left what it leaves in the log."""
    try:
        machine.set_up()
        conftest.VERSIONS.update(machine.versions(SERVER.packages))
        SERVER.configure()
        SERVER.start()
        for session in SERVER.sessions:
            session.run(SERVER, mma.TCP, FAMILIES["IPv4"])
        if SERVER.can_reload:
            SERVER.reload()
        SERVER.restart()
        STATE["before"] = machine.alarms(SERVER.log())
    except Exception:  # nothing of the rest would tell more
        conftest.RESULTS["start"] = (1, 1)
        pytest.exit(traceback.format_exc(), 1)
    return SERVER


@pytest.fixture(scope="session")
def attached(unattached):
    SERVER.enable()
    SERVER.restart()
    return unattached


@pytest.mark.feature("start")
def test_before(unattached):
    """An MPTCP client is served by TCP."""
    session = unattached.sessions[0]
    session.run(unattached, mma.MPTCP, FAMILIES["IPv4"], wanted=mma.TCP)


@pytest.mark.feature("listen")
def test_listeners(attached):
    for unit in attached.units:
        for address, protocol in machine.listeners(unit).items():
            assert protocol == "mptcp", address
    found = {port for unit in attached.units for _, port in machine.listeners(unit)}
    assert found >= set(attached.listens)


@pytest.mark.feature("repair")
def test_repair(attached):
    services = {s["path"].rsplit("/", 1)[1]: s["repair"] for s in mma.status()["services"] if s["alive"]}
    assert services and set(services.values()) == {"on"}, services


@pytest.mark.parametrize("session, protocol, family", [
    feature(session.name, session, protocol, family, ident=f"{session.name}-{protocol}-{family}")
    for session, protocol, family in itertools.product(SERVER.sessions, PROTOCOLS, FAMILIES)])
def test_session(attached, session, protocol, family):
    session.run(attached, PROTOCOLS[protocol], FAMILIES[family])


if SERVER.features:
    @pytest.mark.parametrize("name", [feature(name, name) for name in SERVER.features])
    def test_feature(attached, name):
        SERVER.features[name](SERVER)


if SERVER.can_reload:
    @pytest.mark.feature("reload")
    def test_reload(attached):
        attached.reload()
        for session in attached.sessions:
            session.run(attached, mma.MPTCP, FAMILIES["IPv4"])
        attached.reload()
        attached.sessions[0].run(attached, mma.MPTCP, FAMILIES["IPv6"])


@pytest.mark.feature("restart")
def test_restart(attached):
    for _ in range(3):
        attached.restart()
        attached.sessions[0].run(attached, mma.MPTCP, FAMILIES["IPv4"])
    for session in attached.sessions:
        session.run(attached, mma.MPTCP, FAMILIES["IPv6"])
    services = [s for s in mma.status()["services"] if s["alive"]]
    assert all(s["repair"] == "on" for s in services)


@pytest.mark.feature("log")
def test_log(attached):
    """Nothing alarming that was not there before."""
    now = machine.alarms(attached.log())
    known = STATE["before"].keys() | machine.alarms(attached.expected).keys()
    new = [line for kind, line in now.items()
           if kind not in known and not any(words in line for words in attached.overheard)]
    assert new == []


@pytest.mark.feature("disable")
def test_disable(attached):
    mma.run([machine.TOOL, "--disable", *attached.units, "--now"])
    attached.settle()
    attached.sessions[0].run(attached, mma.MPTCP, FAMILIES["IPv4"], wanted=mma.TCP)
    attached.sessions[0].run(attached, mma.TCP, FAMILIES["IPv6"])
    assert not os.path.exists(mma.PINS)
