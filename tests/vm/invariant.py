# SPDX-License-Identifier: GPL-2.0-only
"""Rule 2: at no instant does a port off the allowlist speak MPTCP. During a test, MPTCP clients
hammer a never-listed port of a server inside an attached cgroup.

Every round creates new sockets that ask for TCP, because an attach may happen between any two: a
listener that an outside MPTCP client connects to, and a client of an outside MPTCP listener."""

import os
import pickle
import select
import signal
import socket
import struct

import mma

PORT = 7777  # the port of Background
OTHER_PORT = 7776  # for checks that run beside it


class Violation(AssertionError):
    pass


def sockets_of(cgroup, port):
    """Creates a listener on the port and another TCP socket, both in the cgroup."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        def make():
            with mma.listen(port) as listener, socket.socket() as client:
                socket.send_fds(there, [b"."], [listener.fileno(), client.fileno()])
        mma.inside(make, cgroup=cgroup)
        _, fds, _, _ = socket.recv_fds(here, 1, 2)
    listener, client = (socket.socket(fileno=fd) for fd in fds)
    listener.settimeout(20)
    return listener, client


def check(cgroup, port=OTHER_PORT):
    """Checks now: the cgroup's sockets work (created, bound, listening, connected), and neither
    direction is MPTCP."""
    listener, client = sockets_of(cgroup, port)
    with listener:
        got = mma.try_connection(listener, socket.socket(proto=mma.MPTCP))
    if got.client or got.server:
        raise Violation(f"port {port} spoke MPTCP: {got}")
    with mma.listen(port, proto=mma.MPTCP) as outside:
        got = mma.try_connection(outside, client)
    if got.client or got.server:
        raise Violation(f"outgoing to port {port} spoke MPTCP: {got}")


class Background:
    """Repeats check() in a process of its own, in the test's network namespace or in a place.
    Between pause() and resume() it has no listener: --detach leaves existing listeners speaking
    MPTCP, and says so."""

    def __init__(self, cgroup, **place):
        self.cgroup = cgroup
        self.here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid, self.outcome = mma.fork(self._loop, there, **place)
        there.close()

    def _loop(self, there):
        self.here.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        rounds, paused = 0, False
        while True:
            if not paused:
                check(self.cgroup, PORT)
                rounds += 1
            # The timeout between rounds leaves the processors to the test.
            if select.select([there], [], [], None if paused else 0.05)[0]:
                word = there.recv(16)
                if not word:
                    return rounds
                paused = word == b"pause"
                there.send(struct.pack("=Q", rounds))

    def _tell(self, word):
        try:
            self.here.send(word)
            return struct.unpack("=Q", self.here.recv(8))[0]
        except (BrokenPipeError, ConnectionResetError, struct.error):
            self.stop()
            raise AssertionError("the invariant checker has stopped") from None

    def pause(self):
        return self._tell(b"pause")

    def resume(self):
        return self._tell(b"resume")

    def stop(self):
        """Returns the number of rounds. Raises, once, what a round raised."""
        if self.here.fileno() < 0:
            return -1
        self.here.close()
        with os.fdopen(self.outcome, "rb") as f:
            data = f.read()
        os.waitpid(self.pid, 0)
        ok, value = pickle.loads(data)
        if not ok:
            raise Violation(f"the invariant was broken, or the server was: {value[3]}")
        return value
