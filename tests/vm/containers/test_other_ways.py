# SPDX-License-Identifier: GPL-2.0-only
"""The rest of docs/containers.md: the host's network, a quadlet, and what stays TCP with
Podman."""

import os
import shutil

import pytest

import mma
from engines import (BOTH_MPTCP, BOTH_TCP, DOCKER, LISTED, PODMAN, SERVES, TIMEOUT, UNLISTED, One, by_id, example,
                     greeting, protocols)
from mma import run, wait_until

QUADLETS = "/etc/containers/systemd"
MASKED = "/run/systemd/system-generators/podman-system-generator"  # by quicken_reloads()


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda e: e.name)
def test_network_of_the_host(engine, outside, quiet):
    """It needs no hook: the slice is attached once, and everything that starts in it is MPTCP."""
    engine.set_up()
    mma.attach("mail.slice")
    try:
        engine.run("hosted", "--network", "host", "--cgroup-parent", "mail.slice", ask=False)
        assert engine.protocols("hosted") == BOTH_MPTCP
        assert outside.greeting(LISTED) == (262, True)
        assert outside.greeting(UNLISTED) == (6, False)
        assert not by_id()
    finally:
        engine.remove("hosted")
        mma.mma("--detach", "--cgroup", "mail.slice", check=True)


def test_quadlet(warm, quiet):
    """The example, plus a command, which this image lacks."""
    PODMAN.set_up()
    os.unlink(MASKED)
    os.makedirs(QUADLETS, exist_ok=True)
    text = example("mail.container")
    with open(f"{QUADLETS}/mail.container", "w") as f:
        f.write(text.replace("\n[Install]", f"Exec={' '.join(SERVES)}\n\n[Install]"))
    try:
        run(["systemctl", "daemon-reload"], timeout=TIMEOUT)
        for n in range(2):
            run(["systemctl", "restart" if n else "start", "mail"], timeout=TIMEOUT)
            line = wait_until(lambda: PODMAN("logs", "systemd-mail"), "the server tells its sockets", 30)
            assert protocols(line) == BOTH_MPTCP
            addr = PODMAN.place("systemd-mail").addr
            assert greeting(addr, LISTED) == (262, True)
            assert greeting(addr, UNLISTED) == (6, False)
    finally:
        run(["systemctl", "stop", "mail"], check=False, timeout=TIMEOUT)
        shutil.rmtree(QUADLETS)
        os.symlink("/dev/null", MASKED)
        run(["systemctl", "daemon-reload"], timeout=TIMEOUT)


STAYS_TCP = {
    "--userns": (["--uidmap", "0:100000:65536"], "no interface but lo"),
    "--cgroups=disabled": (["--cgroups=disabled"], "is not its own"),
}


@pytest.mark.parametrize("name", STAYS_TCP)
def test_podman_that_stays_tcp(name):
    options, word = STAYS_TCP[name]
    PODMAN.set_up()
    try:
        with One() as one:
            PODMAN.run("tcp", *options)
            assert PODMAN.protocols("tcp") == BOTH_TCP
        assert word in one.line, one.line
    finally:
        PODMAN.remove("tcp")
