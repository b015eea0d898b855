# SPDX-License-Identifier: GPL-2.0-only
"""One server, as its file describes it: first without us, then attached by --enable, then
detached. Each session runs with an MPTCP client and a TCP client, over IPv4 and IPv6."""

import itertools
import os
import traceback

import pytest

import conftest
import lookups
import machine
import mma
from clients import FAMILIES, PROTOCOLS


SERVER = conftest.the_server()
STATE = {}


def feature(name, *values, ident=None):
    return pytest.param(*values, id=ident or name, marks=pytest.mark.feature(name))


@pytest.fixture(scope="session")
def unattached():
    """Started without us. Each session has run over TCP, so its usual lines are in the log."""
    try:
        machine.set_up()
        conftest.VERSIONS.update(machine.versions(SERVER.packages))
        SERVER.configure()
        SERVER.start()
        for session in SERVER.sessions:
            session.run(SERVER, mma.TCP, FAMILIES["IPv4"])
        if SERVER.connect_out:
            SERVER.connect_out(lambda: None)
        if SERVER.can_reload:
            SERVER.reload()
        SERVER.restart()
        STATE["before"] = machine.alarms(SERVER.log())
    except Exception:  # the remaining tests would tell nothing
        conftest.RESULTS["start"] = (1, 1)
        pytest.exit(traceback.format_exc(), 1)
    return SERVER


@pytest.fixture(scope="session")
def attached_low(unattached):
    """With only those ports on the list that need a right to bind."""
    SERVER.enable()
    SERVER.restart()
    return unattached


@pytest.fixture(scope="session")
def attached(attached_low):
    """With all ports that it listens on."""
    if SERVER.any_process:
        SERVER.ports += f",{SERVER.any_process}"
        SERVER.enable()
        SERVER.restart()
    return attached_low


@pytest.mark.feature("start")
def test_before(unattached):
    """An MPTCP client gets TCP."""
    session = unattached.sessions[0]
    session.run(unattached, mma.MPTCP, FAMILIES["IPv4"], wanted=mma.TCP)


if SERVER.connect_out:
    def sockets_out(server):
        found = set()
        server.connect_out(lambda: found.update(lookups.outgoing(server.units)))
        assert found, "it has not connected"
        print(found)
        return found

    @pytest.mark.feature("outgoing sockets are TCP")
    def test_outgoing(attached_low):
        """TCP from the start, not fallen back; its listeners are MPTCP nevertheless."""
        on_the_list = mma.status()["ports"]
        assert {out.protocol for out in sockets_out(attached_low)} == {mma.TCP}
        for session in attached_low.sessions:
            if str(session.port) in on_the_list:
                session.run(attached_low, mma.TCP, FAMILIES["IPv4"])
        assert {s["path"]: s["counters"]["stripped_syn"] for s in mma.status()["services"]
                if s["counters"]["stripped_syn"]} == {}
        protocols = {protocol for unit in attached_low.units
                     for (_, port), protocol in machine.listeners(unit).items() if str(port) in on_the_list}
        assert protocols == {"mptcp"}

    if SERVER.any_process:
        @pytest.mark.feature(f"with {SERVER.any_process} on the list, outgoing sockets are MPTCP")
        def test_outgoing_any_process(attached):
            """The cost of a listed port that any process may bind."""
            assert {out.protocol for out in sockets_out(attached)} == {mma.MPTCP}


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
