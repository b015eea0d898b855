# SPDX-License-Identifier: GPL-2.0-only
"""--check and the causes that prevent a second path, on this kernel."""

import json

from mma import MPTCP, attach, connect, listen, mma, run, wait_until
from path_cases import *  # noqa: F401,F403 (the tests)


def paths():
    """How many paths each connection has."""
    return [len(c["paths"]) for c in json.loads(mma("--connections", "--json", check=True).out)["connections"]]


def test_outgoing_connections(world):
    """A service that connects does not use announced addresses."""
    attach(world.cgroup, "--port", "143/listen,26/connect")
    world.client("mptcp endpoint add 10.0.1.2 dev c1 signal")
    world.server("mptcp limits set subflows 2 add_addr_accepted 0")
    assert set(world.named()) == {"path_accept"}
    with listen(26, proto=MPTCP, netns=world.net.client) as far:
        def connection():
            near = connect("192.0.2.2", 26, proto=0, cgroup=world.cgroup, netns=world.net.server)
            there, _ = far.accept()
            near.sendall(b"?")
            there.recv(1)
            there.sendall(b"!")
            near.recv(1)
            return near, there
        one, other = connection()
        assert paths() == [1]
        one.close()
        other.close()
        run(["sh", "-e", "-c", world.named()["path_accept"]], netns=world.net.server)
        assert world.named() == {}
        wait_until(lambda: paths() == [], "it has ended")
        one, other = connection()
        with one, other:
            wait_until(lambda: paths() == [2], "a second path")
