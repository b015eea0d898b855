# SPDX-License-Identifier: GPL-2.0-only
"""A service with clients in namespaces of their own, and what --connections reports about them."""

import contextlib
import json
import select
import socket

import schema
from mma import MPTCP, attach, connect, listen, mma, resident, wait_until
from two_links import Links

STRICT = schema.Validator(schema.load("connections.schema.json"), strict=True)


def connections(*args, **kwargs):
    found = json.loads(mma("--connections", "--json", *args, check=True, **kwargs).out)
    assert STRICT.check(found) == []
    return found["connections"]


def text(*args):
    out = mma("--connections", *args, check=True).out
    assert max(map(len, out.splitlines())) <= 79, out
    return out


class World:
    """A service in a network namespace of its own, as in a container, with a listener on 143, and
    its clients."""

    def __init__(self, stack, cgroup, links=2):
        self.cgroup, self.net, self.stack = cgroup, Links(links), stack
        stack.callback(self.net.remove)
        stack.enter_context(resident(cgroup=cgroup, netns=self.net.server))
        attach(cgroup, "--port", "25/listen,143/listen,26/connect")
        self.listener = self.listen(143)

    def listen(self, port, addr="", **place):
        return self.stack.enter_context(listen(port, addr, **{"cgroup": self.cgroup, "netns": self.net.server, **place}))

    def connect(self, port=143, listener=None, addr="192.0.2.1", proto=MPTCP, family=socket.AF_INET):
        client = self.stack.enter_context(connect(addr, port, family, proto, netns=self.net.client))
        server, _ = (listener or self.listener).accept()
        self.stack.enter_context(server)
        server.settimeout(20)
        return client, server

    def found(self, client):
        """What is reported about the connection with this client."""
        port = client.getsockname()[1]
        matching = [c for c in connections() if c["peer"]["port"] == port]
        assert len(matching) == 1, matching
        return matching[0]

    def settled(self, client, paths):
        """The same, once the connection has this many paths and all are established."""
        def ready():
            c = self.found(client)
            return len(c["paths"]) == paths and all(p["state"] == "established" for p in c["paths"]) and c
        return wait_until(ready, f"{paths} paths")


def exchange(client, server, there=100_000, back=250_000):
    """Sends this many bytes each way, and waits until each side's kernel reports all of them
    received."""
    for one, other, size in ((client, server, there), (server, client, back)):
        left = size
        one.setblocking(False)
        sent = 0
        while left:
            if sent < size:
                with contextlib.suppress(BlockingIOError):
                    sent += one.send(b"x" * min(65536, size - sent))
            if select.select([other], [], [], 0.01)[0]:
                left -= len(other.recv(65536))
        one.settimeout(20)
