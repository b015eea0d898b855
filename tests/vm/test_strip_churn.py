# SPDX-License-Identifier: GPL-2.0-only
"""Changes at runtime: connections while the list is edited, and the invariant while services,
namespaces and devices come and go."""

import bisect
import errno
import os
import pickle
import random
import select
import socket
import time

import invariant as invariant_
import links
import mma
import wire
from mma import MPTCP, Map

PORT = 7025


class Child:
    """Runs a function in a process of its own until stop(). The function asks word_came() whether
    to end."""

    def __init__(self, function, *args, **place):
        self.here, self.there = socket.socketpair()
        self.pid, self.outcome = mma.fork(function, self, *args, **place)

    def word_came(self, seconds=0):
        return bool(select.select([self.there], [], [], max(0, seconds))[0])

    def stop(self):
        """Returns what the function returned."""
        self.here.shutdown(socket.SHUT_RDWR)
        return self.join()

    def join(self):
        with os.fdopen(self.outcome, "rb") as f:
            ok, value = pickle.load(f)
        os.waitpid(self.pid, 0)
        self.here.close()
        self.there.close()
        assert ok, value[3]
        return value


def edit(child, port):
    """Writes the port's entry 100 times a second, randomly allowed or not. Returns (before, after,
    value) of each write."""
    generator = random.Random(1)
    log, due = [], time.monotonic()
    with Map("ports") as ports:
        while True:
            value = generator.choice((0, 1))
            before = time.monotonic()
            ports[port] = value
            log.append((before, time.monotonic(), value))
            due += 0.01
            if child.word_came(due - time.monotonic()):
                return log


def generate(_, listener, number):
    """Returns (start, end, whether it was MPTCP) of each connection's handshake."""
    target, log = listener.getsockname(), []
    for _ in range(number):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as client:
            client.settimeout(20)
            start = time.monotonic()
            client.connect(target)
            end = time.monotonic()
            with listener.accept()[0] as server:
                client.sendall(b"?")
                assert server.recv(1) == b"?"
                server.sendall(b"!")
                assert client.recv(1) == b"!"
                speaks = mma.is_mptcp(client)
                assert speaks == mma.is_mptcp(server)
        log.append((start, end, speaks))
    return log


def connections_under_edits(cgroup, number):
    mma.attach(cgroup)
    maker = wire.Maker(cgroup=cgroup)
    listeners = [mma._listen(maker.socket(), PORT, f"127.0.0.{i}") for i in (1, 2)]
    editor = Child(edit, PORT)
    try:
        generators = [Child(generate, listener, number // 2) for listener in listeners]
        start = time.monotonic()
        made = [connection for g in generators for connection in g.join()]
        took = time.monotonic() - start
    finally:
        edits = editor.stop()
        maker.stop()
        for listener in listeners:
            listener.close()
    edits.insert(0, (0, 0, 0))  # the state before the first edit
    begun, done = [e[0] for e in edits], [e[1] for e in edits]
    decisive = 0
    for start, end, speaks in made:
        # An edit takes effect at some moment during it, and lasts until some moment in the next
        # one.
        first = max(0, bisect.bisect_left(done, start) - 1)
        possible = {value for _, _, value in edits[first:bisect.bisect_right(begun, end)]}
        assert int(speaks) in possible, (start, end, speaks, edits[first:first + 9])
        decisive += len(possible) == 1
    speaking = sum(speaks for _, _, speaks in made)
    print(f"{len(made)} connections in {took:.1f} s, {speaking} MPTCP, {decisive} with one possible answer, "
          f"{len(edits) / (edits[-1][0] - edits[1][0]):.0f} edits/s")
    assert len(made) == number
    assert 0.3 * number <= speaking <= 0.7 * number
    assert decisive >= 0.2 * number
    assert mma.counters(cgroup)["stripped_synack"] == number - speaking


def test_connections_while_the_list_is_edited(cgroup):
    connections_under_edits(cgroup, int(os.environ.get("MMA_CONNECTIONS", 10000)))


def hammer(child, cgroup):
    """Checks the invariant in this namespace, also while the cgroup does not exist; returns the
    number of rounds."""
    rounds = 0
    while not child.word_came():
        try:
            invariant_.check(cgroup)
            rounds += 1
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.ENODEV):  # no cgroup.procs, or a removed one
                raise
    return rounds


def test_invariant_through_attach_and_detach(cgroup, invariant):
    other = mma.Cgroup()
    try:
        for i in range(6):
            mma.attach(cgroup)
            mma.attach(other)
            mma.mma("--detach", "--cgroup", other, check=True)
            # Once nothing is attached, existing listeners speak MPTCP, as --detach says.
            invariant.pause()
            mma.mma("--detach", *(("--cgroup", cgroup) if i % 2 else ()), check=True)
            invariant.resume()
    finally:
        other.remove()


def test_invariant_through_refresh_and_devices(cgroup, invariant):
    mma.attach(cgroup)
    for i in range(8):
        mma.run(["ip", "link", "add", f"d{i}", "type", "dummy"])
        mma.mma("--refresh", check=True)
        if i >= 4:
            mma.run(["ip", "link", "del", f"d{i - 4}"])
    for i in range(4, 8):
        mma.run(["ip", "link", "del", f"d{i}"])


def test_invariant_through_restarts(cgroup):
    mma.attach(cgroup)
    child = Child(hammer, cgroup)
    try:
        for i in range(15):
            mma.wait_until(lambda: removed(cgroup), "the cgroup is empty for a moment")
            if i % 3 == 0:
                mma.attach(cgroup)  # before it exists
            cgroup.make()
            if i % 3 == 1:
                mma.mma("--refresh", check=True)
            before = mma.counters(cgroup)["stripped_synack"]
            mma.wait_until(lambda: mma.counters(cgroup)["stripped_synack"] > before, "a round")
    finally:
        rounds = child.stop()
    assert rounds
    assert mma.counters(cgroup)["restarts"] == 15


def removed(cgroup):
    try:
        os.rmdir(cgroup.dir)
        return True
    except OSError as e:
        assert e.errno == errno.EBUSY
        return False


def test_invariant_through_namespaces_that_come_and_go(cgroup):
    """A service enters namespaces that are not yet covered or no longer covered, or in which
    devices appear."""
    mma.attach(cgroup)
    for i in range(5):
        net = mma.Net()
        children = [Child(hammer, cgroup, netns=netns) for netns in (net.server, net.client)]
        try:
            with mma.resident(cgroup=cgroup, netns=net.server):
                mma.mma("--refresh", check=True)
                with mma.make_socket(cgroup=cgroup, netns=net.server) as sock:
                    assert mma.so_protocol(sock) == MPTCP
                mma.attach(cgroup, "--netns", f"/run/netns/{net.client}")
                links.batch(net.server, "link add d0 type dummy")
                mma.mma("--refresh", check=True)
        finally:
            rounds = [child.stop() for child in children]
            net.remove()
        assert all(rounds)
        mma.mma("--refresh", check=True)
