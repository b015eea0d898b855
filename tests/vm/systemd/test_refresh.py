# SPDX-License-Identifier: GPL-2.0-only
"""New network interfaces are covered through udev: the rule, the unit that it starts, and the
moments at which an interface could be missed."""

import fcntl
import os
import subprocess

import pytest

import mma
from units import Unit, enable, journal, reload_systemd, run, show, systemctl, wait_until

KEEPS = True
REFRESH = "mptcp-mail-attach-refresh.service"
DIR = f"/run/systemd/system/{REFRESH}.d"


@pytest.fixture(scope="module")
def server(clean_module):
    unit = Unit("server.service", 25)
    enable("server")
    unit.start()


@pytest.fixture
def add(clean):
    """Adds an interface until the test ends."""
    links = []

    def add_one(name):
        links.append(name)
        run(["ip", "link", "add", name, "type", "dummy"])
    yield add_one
    for name in links:
        run(["ip", "link", "del", name], check=False)
    run(["udevadm", "settle"])
    systemctl("stop", REFRESH)


def uncovered():
    """(interfaces, those without strip) of the host's own namespace."""
    (own,) = mma.status()["netns"]
    return own["interfaces"], own["uncovered"]


def idle():
    return show(REFRESH, "ActiveState") == "inactive"


@pytest.mark.usefixtures("server")
def test_an_interface_appears(add):
    n, bad = uncovered()
    assert bad == 0
    add("new0")
    wait_until(lambda: uncovered() == (n + 1, 0), "the new interface carries strip")
    wait_until(idle, "the refresh ends")
    assert journal(REFRESH)[REFRESH] == [], "nothing to tell"
    run(["ip", "link", "del", "new0"])
    mma.mma("--refresh", check=True)
    assert len([p for p in os.listdir(f"{mma.PINS}/links") if p.startswith("strip-")]) == n


@pytest.mark.usefixtures("server")
def test_a_refresh_that_fails_is_seen(add):
    os.chmod("/usr/sbin/mptcp-mail-attach", 0o644)
    try:
        add("fail0")
        wait_until(lambda: show(REFRESH, "SubState") == "auto-restart", "the unit fails, and will try again")
        assert show(REFRESH, "Result") == "exit-code"
        assert "Permission denied" in str([e["MESSAGE"] for e in journal(REFRESH)[REFRESH]])
    finally:
        os.chmod("/usr/sbin/mptcp-mail-attach", 0o755)
    add("fail1")
    wait_until(lambda: uncovered()[1] == 0, "the next one covers both")


@pytest.mark.usefixtures("server")
def test_a_refresh_that_does_not_get_the_lock(add):
    """It gives up after 5 s, and is repeated until it succeeds."""
    with open("/run/mptcp-mail-attach.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        add("held0")
        wait_until(lambda: "another run has held it" in str(journal(REFRESH)[REFRESH]), "it gives up")
        assert uncovered()[1] == 1
    wait_until(lambda: uncovered()[1] == 0, "the interface is covered when the lock is free")
    wait_until(idle, "and that is all")


@pytest.mark.usefixtures("server")
def test_an_interface_appears_during_daemon_reload(add):
    """A request to systemd during a reload is not lost. The reload also does not detach any of our
    programs, as it does for a moment with systemd's own."""
    n, bad = uncovered()
    assert bad == 0
    reloads = [subprocess.Popen(["systemctl", "daemon-reload"]) for _ in range(3)]
    for i in range(4):
        add(f"reload{i}")
    assert mma.status()["armed"]
    assert [p.wait(timeout=60) for p in reloads] == [0] * 3
    wait_until(lambda: uncovered() == (n + 4, 0), "each carries strip")
    wait_until(idle, "the refresh ends")


@pytest.fixture(scope="module")
def counted(server):
    """The refresh counts its runs; while /run/hold exists, it waits at its end until it gets a
    word."""
    os.makedirs(DIR, exist_ok=True)
    with open("/run/refresh", "w") as f:
        f.write("#!/bin/sh\n/usr/sbin/mptcp-mail-attach --refresh -q || exit 1\necho >>/run/ended\n"
                "[ ! -e /run/hold ] || read x </run/go\n")
    os.chmod("/run/refresh", 0o755)
    os.mkfifo("/run/go")
    with open(f"{DIR}/count.conf", "w") as f:
        f.write("[Service]\nExecStopPost=\nExecStopPost=/run/refresh\n")
    reload_systemd()
    yield
    for name in ("/run/refresh", "/run/go", "/run/ended"):
        os.unlink(name)


def runs():
    try:
        return os.path.getsize("/run/ended")
    except FileNotFoundError:
        return 0


def go_on():
    with open("/run/go", "w") as f:
        f.write("\n")


@pytest.mark.usefixtures("counted")
def test_an_interface_appears_while_a_refresh_is_ending(add):
    n, _ = uncovered()
    before = runs()
    with open("/run/hold", "w"):
        pass
    add("one0")
    wait_until(lambda: runs() == before + 1, "the first refresh has done its work")
    crowd = 12
    for i in range(crowd):
        add(f"more{i}")
    run(["udevadm", "settle"])
    assert uncovered() == (n + 1 + crowd, crowd)
    go_on()
    wait_until(lambda: runs() == before + 2, "the second refresh")
    assert uncovered() == (n + 1 + crowd, 0)
    os.unlink("/run/hold")
    go_on()
    wait_until(idle, "the refresh ends")
    assert runs() == before + 2, "one refresh for the whole crowd"


@pytest.mark.usefixtures("counted")
def test_an_interface_appears_during_the_first_attach(add):
    """The directory of the pins is made before the interfaces are listed, and the upgrade link
    after that: the refresh must not wait for the link."""
    mma.mma("--detach", check=True)
    before = runs()
    systemctl("start", REFRESH)
    add("idle0")
    run(["udevadm", "settle"])
    assert idle() and runs() == before and not os.path.exists(mma.PINS), "nothing attached, nothing run"
    os.mkdir(mma.PINS, 0o700)
    try:
        systemctl("start", REFRESH)
        wait_until(lambda: runs() == before + 1, "a refresh that succeeds")
    finally:
        if os.path.exists(mma.PINS):
            os.rmdir(mma.PINS)
