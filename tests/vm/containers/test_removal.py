# SPDX-License-Identifier: GPL-2.0-only
"""Removal and purge of the package, as the last tests: containers still start."""

import os

from engines import BOTH_TCP, DOCKER, PODMAN, WRAPPER, One
from mma import run


def test_after_removal_of_the_package():
    """Containers that name the wrapper still start; Podman's hook is gone."""
    DOCKER.set_up()
    PODMAN.set_up()
    run(["dpkg", "-r", "mptcp-mail-attach"], timeout=120)
    try:
        assert os.path.exists(WRAPPER)
        with One() as one:
            DOCKER.run("removed")
            PODMAN.run("removed")
        assert "not there; install mptcp-mail-attach" in one.line
        assert DOCKER.protocols("removed") == PODMAN.protocols("removed") == BOTH_TCP
    finally:
        DOCKER.remove("removed")
        PODMAN.remove("removed")
    purged = run(["dpkg", "-P", "mptcp-mail-attach"], timeout=120)
    assert "/etc/docker/daemon.json names /etc/mptcp-mail-attach/runtime" in purged.err
    assert not os.path.exists("/etc/mptcp-mail-attach")
