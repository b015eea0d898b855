# SPDX-License-Identifier: GPL-2.0-only
"""A server and a client with several links between them, and commands for paths that an
administrator types."""

import os

import mma


class Links(mma.Net):
    """mma.Net with n - 1 more links: s1 and c1 with 10.0.1.1 and 10.0.1.2, and so on. IPv6 only on
    s0."""

    NAMES = f"mma-server-{os.getpid()}-{{}}", f"mma-client-{os.getpid()}-{{}}"  # unique on a user's machine, too

    def __init__(self, n=2):
        super().__init__()
        for i in range(1, n):
            mma.run(["ip", "-n", self.server, "link", "add", f"s{i}", "type", "veth", "peer", "name", f"c{i}", "netns",
                     self.client])
            for host, name, dev in ((1, self.server, f"s{i}"), (2, self.client, f"c{i}")):
                mma.run(["ip", "-n", name, "-batch", "-"], stdin=f"addr add 10.0.{i}.{host}/24 dev {dev}\nlink set {dev} up\n")
        self.limits()

    def limits(self, subflows=4, accepted=4):
        for name in (self.server, self.client):
            self.ip(name, f"mptcp limits set subflows {subflows} add_addr_accepted {accepted}")

    def ip(self, name, words):
        return mma.run(["ip", "-n", name, *words.split()]).out

    def announce(self, i=1, flags="signal"):
        self.ip(self.server, f"mptcp endpoint add 10.0.{i}.1 dev s{i} {flags}")
