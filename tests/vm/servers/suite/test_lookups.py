# SPDX-License-Identifier: GPL-2.0-only
"""A mail server that asks a database, a directory or a filter for each mail: whether it gets its
answer in every situation that can change the socket it asks with."""

import traceback

import pytest

import conftest
import lookups
import machine
import mma

SERVER = conftest.the_server()
STATE = {"situation": None}
START = "net.ipv4.ip_unprivileged_port_start"


def unattached():
    """The server without us, traced to see which options it sets on its sockets. Starts with a
    reload, because the trace needs new processes."""
    machine.set_up()
    conftest.VERSIONS.update(machine.versions(SERVER.packages))
    SERVER.configure()
    SERVER.start()
    STATE["traced"] = {unit: lookups.Traced(unit) for unit in SERVER.units}
    machine.systemctl("reload", *SERVER.units)
    SERVER.settle()


def keep_options():
    """Records the options seen, with each lookup."""
    options = {unit: traced.options() for unit, traced in STATE.pop("traced", {}).items()}
    if options:
        for lookup in SERVER.lookups:
            if lookup.ident in conftest.LOOKUPS:
                conftest.LOOKUPS[lookup.ident]["options"] = options[lookup.unit][lookup.port]


@pytest.fixture(scope="module", autouse=True)
def options_are_kept():
    yield
    keep_options()


def attached():
    """Attached by --enable with the default list."""
    keep_options()
    SERVER.enable()
    SERVER.restart()


def every_port():
    """As in Docker: any process may bind any port."""
    mma.sysctl(START, 0)
    SERVER.restart()


def listed():
    """The lookup's own port is on the list, for connecting."""
    mma.sysctl(START, 1024)
    mma.mma("--allow", ",".join(f"{port}/connect" for port in sorted({lookup.port for lookup in SERVER.lookups})),
            check=True)
    SERVER.restart()


SITUATIONS = {"unattached": unattached, "attached": attached, "every-port": every_port, "listed": listed}

PROTOCOLS = {mma.TCP: "TCP", mma.MPTCP: "MPTCP"}


def enter(situation):
    """Enters a situation; they come one after the other, once each."""
    if STATE["situation"] == situation:
        return
    STATE["situation"] = situation
    try:
        SITUATIONS[situation]()
    except Exception:  # the remaining tests would tell nothing
        conftest.RESULTS["start"] = (1, 1)
        pytest.exit(traceback.format_exc(), 1)


def answered(lookup, situation):
    """Asks the question; returns the sockets that asked, and records them for the table."""
    seen = set()
    known = conftest.LOOKUPS.setdefault(lookup.ident, {"client": lookup.client, "name": lookup.name,
                                                       "process": lookup.process, "port": lookup.port,
                                                       "may_bind": [], "options": [], "situations": {}})
    result = "FAILS"
    try:
        lookup.ask(SERVER, lambda: seen.update(lookups.outgoing(SERVER.units)))
        result = "works"
    finally:
        sockets = {out for out in seen if (out.process, out.port) == (lookup.process, lookup.port)}
        known["situations"][situation] = [result, sorted({PROTOCOLS[out.protocol] for out in sockets})]
        known["may_bind"] = sorted({*known["may_bind"], *(out.may_bind for out in sockets)})
    assert sockets, f"no connection of this look-up among {seen}"
    return sockets


@pytest.mark.parametrize("lookup", SERVER.lookups, ids=lambda lookup: lookup.ident)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_lookup(situation, lookup):
    enter(situation)
    if situation == "unattached":
        assert {out.protocol for out in answered(lookup, situation)} == {mma.TCP}
    elif situation == "attached":
        # A process that cannot listen on a listed port gets no MPTCP.
        assert {out.protocol for out in answered(lookup, situation) if not out.may_bind} <= {mma.TCP}
    else:
        # Otherwise the situation is not the intended one.
        assert {out.protocol for out in answered(lookup, situation)} == {mma.MPTCP}
