# SPDX-License-Identifier: GPL-2.0-only
"""Rule 2: at no instant does a port off the allowlist speak MPTCP. MPTCP clients
hammer a never-listed port of a server inside an attached cgroup, for as long as
a test runs.

Every round makes new sockets that ask for TCP, as an attach may happen between
any two: a listener that an MPTCP client outside connects to, and a client of an
MPTCP listener outside."""

import os
import pickle
import select
import signal
import socket
import struct

import mma

PORT = 7777  # the background's
OTHER_PORT = 7776  # for checks beside it


class Violation(AssertionError):
    pass


def sockets_of(cgroup, port):
    """A listener on the port and another TCP socket, made in the cgroup."""
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
    """Now: the cgroup is served (sockets made, bound, listening, connected), and
    neither direction is MPTCP."""
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
    """check() again and again in a process of its own, in the network namespace
    of the test, or in a place. Between pause() and resume() no listener of it exists: a
    --detach leaves existing listeners to speak MPTCP, which it says."""

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
            # The pause between rounds leaves the processors to the test.
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
        """Number of rounds; raises what a round raised, once."""
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
