# SPDX-License-Identifier: GPL-2.0-only
"""Clients that repeat the same work, one after the other, and the nanoseconds that each takes.
These are nanoseconds of the guest's clock, which are instructions: of client, kernel and server
together."""

import contextlib
import os
import time

import world
from servers import IMAPLOAD

SMTP_SOURCE = "/usr/sbin/smtp-source"
MPTCPIZE = "/usr/bin/mptcpize"
NOWHERE = os.open("/dev/null", os.O_RDWR)


class Waited(Exception):
    """The processor was idle during a load: it waited for a disk, which costs no instructions."""


def _spawn(words, output=NOWHERE):
    """The nanoseconds from before its start until after its end."""
    idle = world.idle()
    with world.in_client():
        begun = time.monotonic_ns()
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=[
            (os.POSIX_SPAWN_DUP2, NOWHERE, 0), (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_OPEN, 2, "/run/said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
        _, status = os.waitpid(pid, 0)
        took = time.monotonic_ns() - begun
    if status:
        with open("/run/said", encoding="utf-8") as said:
            raise world.Broken(f"{' '.join(words)}: status {status}: {said.read().strip()}")
    if world.idle() - idle > 0.02:  # its unit is a hundredth of a second
        raise Waited
    return took


class Smtp:
    """Transactions of smtp-source: connection, EHLO, one message of 1 kB to one recipient,
    QUIT."""
    outgoing = 0

    def __init__(self, server, count):
        self.server, self.count, self.port = server, count, server.port
        self.connections = 1 + count

    def _source(self, protocol, count):
        words = [MPTCPIZE, "run"] if protocol == "mptcp" else []
        try:
            return _spawn([*words, SMTP_SOURCE, "-m", str(count), "-l", "1024", "-f", "a@bench.example",
                           "-t", "b@bench.example", f"{world.SERVER}:{self.port}"])
        finally:
            self.server.rest()
            world.settle()

    def warm_up(self, protocol):
        # Postfix starts as many processes as it needs at once now and then, and keeps them.
        for count in (1, 30):
            with contextlib.suppress(Waited):
                self._source(protocol, count)

    def run(self, protocol):
        """Subtracts a run with a single message, which removes the cost of starting the
        program."""
        start = self._source(protocol, 1)
        return (self._source(protocol, self.count) - start) / (self.count - 1), None


class Imap:
    """Sessions of our own load generator: connection, LOGIN, LOGOUT; without LOGIN (greet); or one
    message of 5 MB in one session (fetch)."""

    def __init__(self, server, count, mode="login", outgoing=0, port=None):
        self.server, self.count, self.mode, self.port = server, count, mode, port or server.port
        self.outgoing = outgoing
        self.connections = 1 if mode == "fetch" else count

    def _load(self, protocol, count):
        path = "/run/load"
        output = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        _spawn([IMAPLOAD, world.SERVER, str(self.port), protocol, str(count), self.mode], output)
        os.close(output)
        with open(path, encoding="ascii") as f:
            return {key: int(value) for key, value in map(str.split, f)}

    def warm_up(self, protocol):
        with contextlib.suppress(Waited):
            self._load(protocol, 1 if self.mode == "fetch" else 20)

    def run(self, protocol):
        found = self._load(protocol, self.count)
        return found.pop("ns") / self.count, found
