# SPDX-License-Identifier: GPL-2.0-only
"""Docker and Podman: the first sockets in a container are MPTCP at each start, and no port off the
list ever speaks it."""

import json
import os
import pickle
import socket
import time

import pytest

import invariant
import mma
from engines import (BOTH_MPTCP, BOTH_TCP, DOCKER, LISTED, PODMAN, STARTS, TIMEOUT, UNLISTED, Hammer,
                     by_id, greeting)
from mma import run, wait_until

REFRESH = "mptcp-mail-attach-refresh.service"


# Podman first: once Docker runs, its firewall drops what Podman's networks forward.
@pytest.fixture(scope="module", params=[PODMAN, DOCKER], ids=lambda e: e.name)
def engine(request, warm):
    request.param.set_up()
    yield request.param
    assert not request.param("ps", "-aq"), "a test has left a container"


SUBNET = {"docker": "172.17.0.", "podman": "10.88.0."}


def test_starts(engine, outside, quiet):
    """Starts new containers and restarts them, while clients hammer the unlisted port of each from
    its first moment on. Then checks the ports, from the host and from another one."""
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
        mma.attach("other.slice")  # else the last --detach would remove everything
        mma.mma("--detach", "--cgroup", found["cgroup"].lstrip("/"), check=True)
        assert not by_id()
    finally:
        engine.remove("named")


def test_audit(engine):
    """By its name, by its id as --status prints it, and by the full id."""
    engine.run("audited")
    try:
        assert engine.protocols("audited") == BOTH_MPTCP
        full, place = engine("inspect", "-f", "{{.Id}}", "audited"), engine.place("audited")
        for word in ("audited", full[:12], full):
            found = json.loads(mma.mma("--audit", "--cgroup", word, "--duration", 1, "--json", check=True).out)
            assert place.cgroup.startswith(mma.CGROUPS + found["path"])
            assert {p["port"] for p in found["ports"] if p["role"] == "listen"} == {LISTED, UNLISTED}
        engine("stop", "-t", "0", "audited")
        done = mma.mma("--audit", "--cgroup", "audited", "--duration", 1)
        assert (done.rc, done.out) == (1, "") and "container audited: does not run; start it first" in done.err
    finally:
        engine.remove("audited")


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
    """Once all containers are gone, one run leaves no path, id, link or namespace."""
    mma.mma("--refresh", check=True)
    assert not by_id()
    assert not mma.map_dict("cgroups")
    assert set(mma.map_dict("paths")) <= {"/other.slice"}, "that of a test above, which is no container's"
    cookie = mma.netns_cookie()
    assert [int(key) for key in mma.map_dict("netns")] == [cookie]
    links = os.listdir(f"{mma.PINS}/links")
    assert not [name for name in links if name.startswith("repair-")]
    assert not [name for name in links if name.startswith("strip-") and not name.startswith(f"strip-{cookie}-")]


def joined_at(n, there):
    """The time at which this namespace has n interfaces. Writes to `there` once the watch has
    begun."""
    os.write(there, b".")
    return wait_until(lambda: len(socket.if_nameindex()) == n and time.monotonic(), "the interface", TIMEOUT)


def watch_joining(place, n):
    """Starts joined_at() in a place, and returns once it watches: a function that gives its outcome."""
    r, w = os.pipe()
    pid, outcome = mma.fork(joined_at, n, w, netns=place.netns)
    os.close(w)
    assert os.read(r, 1)
    os.close(r)

    def result():
        with os.fdopen(outcome, "rb") as f:
            ok, value = pickle.loads(f.read())
        os.waitpid(pid, 0)
        assert ok, value
        return value
    return result


def test_network_connect(engine):
    """A running container joins another network: for how long is the new interface not covered?"""
    engine("network", "create", *(["--disable-dns"] if engine.name == "podman" else []), "second")
    engine.run("joined")
    open_for, after = [], []
    try:
        place = engine.place("joined")
        prefix = f"strip-{mma.netns_cookie(place.netns)}-"

        def covered():
            return len([p for p in os.listdir(f"{mma.PINS}/links") if p.startswith(prefix)])
        before = covered()
        for n in range(STARTS):
            if n:
                engine("network", "disconnect", "second", "joined")
                wait_until(lambda: covered() == before, "the link of what has gone is swept", 60)
            there = watch_joining(place, before + 1)
            engine("network", "connect", "second", "joined")
            connected = time.monotonic()
            end = wait_until(lambda: covered() == before + 1 and time.monotonic(), "the new interface is covered", 60)
            open_for.append(round(end - there(), 1))
            after.append(round(end - connected, 1))
        assert mma.netns_status(place.netns)["uncovered"] == 0
        print(f"{engine.name}: network connect: covered so many seconds after the interface was there: {open_for}; "
              f"after the command had ended: {after}")
        addrs = engine("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "joined").split()
        [second] = [a for a in addrs if a != place.addr]
        assert greeting(second, LISTED) == (262, True)
        assert greeting(second, UNLISTED) == (6, False)
    finally:
        engine.remove("joined")
        engine("network", "rm", "second")


def test_reason_of_one_below_an_attached_slice(engine):
    """0.1.0 told the administrator to restart the container, which was never the cause."""
    mma.attach("mail.slice")
    # In one start of nine, udev's refresh would be in time to cover the namespace.
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
