# SPDX-License-Identifier: GPL-2.0-only
"""What else docs/containers.md tells to type: containers in the host's network."""

import pytest

import mma
from engines import BOTH_MPTCP, DOCKER, LISTED, PODMAN, UNLISTED, by_id


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda e: e.name)
def test_network_of_the_host(engine, outside, quiet):
    """Needs no hook: the slice is attached once, and what starts in it is MPTCP."""
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
