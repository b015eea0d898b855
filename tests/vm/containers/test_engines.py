# SPDX-License-Identifier: GPL-2.0-only
"""Docker and Podman: the first sockets of what runs in a container are MPTCP, at each
start, and no port off the list ever speaks it."""

import os
import time

import pytest

import invariant
import mma
from engines import (BOTH_MPTCP, BOTH_TCP, DOCKER, LISTED, PODMAN, STARTS, UNLISTED, Hammer, by_id,
                     greeting, log_lines)
from mma import run, wait_until

REFRESH = "mptcp-mail-attach-refresh.service"


# Podman first: once Docker has started, its firewall drops what Podman's networks forward.
@pytest.fixture(scope="module", params=[PODMAN, DOCKER], ids=lambda e: e.name)
def engine(request, warm):
    request.param.set_up()
    yield request.param
    assert not request.param("ps", "-aq"), "a test has left a container"


SUBNET = {"docker": "172.17.0.", "podman": "10.88.0."}


def test_starts(engine, outside):
    """New containers, and restarts of them, while clients hammer the unlisted port of each
    from its first moment on; then the ports, from the host and from another one."""
    targets = [(SUBNET[engine.name] + str(n), UNLISTED, None) for n in range(2, 12)]
    hammer = Hammer(targets + [(outside.HOST, 12525, outside.NAME)])
    background, times = None, []
    try:
        engine.run("anchor", "-p", f"10025:{LISTED}", "-p", f"12525:{UNLISTED}")
        assert engine.protocols("anchor") == BOTH_MPTCP
        anchor = engine.place("anchor")
        background = invariant.Background(anchor.cgroup, netns=anchor.netns)
        for n in range(STARTS):
            begun = time.monotonic()
            engine.run(f"s{n}")
            times.append(time.monotonic() - begun)
            assert engine.protocols(f"s{n}") == BOTH_MPTCP
            if n:
                engine.remove(f"s{n}")
        for n in range(STARTS):
            engine("restart", "-t", "0", "s0")
            assert engine.protocols("s0", 2 + n) == BOTH_MPTCP
        assert greeting(anchor.addr, LISTED) == (262, True)
        assert greeting(anchor.addr, UNLISTED) == (6, False)
        assert outside.greeting(10025) == (262, True)
        assert outside.greeting(12525) == (6, False)
        print(f"{engine.name}: starts, s: {[round(t, 1) for t in times]}")
    finally:
        rounds = background.stop() if background else 0
        answered = hammer.stop()
        engine.remove("anchor", "s0")
    assert rounds > 0 and answered[anchor.addr, UNLISTED] > 0 and answered[outside.HOST, 12525] > 0
    assert not log_lines()


def test_status_names_the_container(engine):
    engine.run("named")
    try:
        place = engine.place("named")
        full = engine("inspect", "-f", "{{.Id}}", "named")
        [found] = by_id()
        assert found["container"] == {"engine": engine.name, "id": full[:12]}
        assert mma.CGROUPS + found["cgroup"] == place.cgroup
        assert (found["alive"], found["upgrading"], found["repair"]) == (True, True, "on")
        text = mma.mma("--status", check=True).out
        assert f"container {full[:12]} ({engine.name})\n  {found['cgroup']}\n" in text
        mma.attach("other.slice")  # the last one would take everything with it
        mma.mma("--detach", "--cgroup", found["cgroup"].lstrip("/"), check=True)
        assert not by_id()
    finally:
        engine.remove("named")


def test_one_that_did_not_ask(engine):
    engine.run("other", ask=False)
    try:
        assert engine.protocols("other") == BOTH_TCP
        assert not [s for s in by_id() if s["alive"]]
        place = engine.place("other")
        assert greeting(place.addr, LISTED) == (6, False)
        cookie = mma.netns_cookie(place.netns)
        assert cookie not in [n["cookie"] for n in mma.status()["netns"]]
    finally:
        engine.remove("other")


def test_nothing_is_left(engine):
    """After all of them are gone, one run: no path, id, link or namespace."""
    mma.mma("--refresh", check=True)
    assert not by_id()
    assert not mma.map_dict("cgroups")
    assert list(mma.map_dict("netns")) == [str(mma.netns_cookie())] or \
        list(mma.map_dict("netns")) == [mma.netns_cookie()]
    own = f"strip-{mma.netns_cookie()}-"
    links = os.listdir(f"{mma.PINS}/links")
    assert not [name for name in links if name.startswith("repair-")]
    assert not [name for name in links if name.startswith("strip-") and not name.startswith(own)]


def test_network_connect(engine):
    """A network that joins a running container: how long its interface is not covered."""
    engine("network", "create", *(["--disable-dns"] if engine.name == "podman" else []), "second")
    engine.run("joined")
    try:
        place = engine.place("joined")
        begun = time.monotonic()
        engine("network", "connect", "second", "joined")
        connected = time.monotonic()
        covered = wait_until(lambda: mma.netns_status(place.netns)["uncovered"] == 0 and
                             mma.netns_status(place.netns)["interfaces"] == 3 and time.monotonic(),
                             "the new interface is covered", 30)
        print(f"{engine.name}: network connect took {connected - begun:.1f} s; covered {covered - connected:.1f} s later")
        addrs = engine("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "joined").split()
        [second] = [a for a in addrs if a != place.addr]
        assert greeting(second, LISTED) == (262, True)
        assert greeting(second, UNLISTED) == (6, False)
    finally:
        engine.remove("joined")
        engine("network", "rm", "second")


def test_reason_of_one_below_an_attached_slice(engine):
    """What 0.1.0 told an administrator to restart: the container was never to blame."""
    mma.attach("mail.slice")
    # In time for one start in nine, udev's refresh would have covered its namespace.
    run(["systemctl", "mask", "--runtime", REFRESH])
    try:
        engine.run("below", "--cgroup-parent", "mail.slice", ask=False)
        assert engine.protocols("below") == BOTH_TCP
        full = engine("inspect", "-f", "{{.Id}}", "below")
        [service] = [s for s in mma.status()["services"] if s["path"] == "/mail.slice"]
        way = {"docker": "--runtime mptcp-mail", "podman": "--annotation mptcp-mail-attach=1"}[engine.name]
        for listener in service["listeners"]:
            assert listener["reason"] == ("made in a network namespace that was not covered; "
                                          f"start container {full[:12]} with {way}")
    finally:
        engine.remove("below")
        run(["systemctl", "unmask", "--runtime", REFRESH])
        mma.mma("--detach", "--cgroup", "mail.slice", check=True)
