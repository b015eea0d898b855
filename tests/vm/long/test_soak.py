# SPDX-License-Identifier: GPL-2.0-only
"""A thousand restarts, a million connections, and many rounds of everything, each for at most
MMA_SOAK_SECONDS. Nothing fails, everything is counted, nothing grows."""

import collections
import os
import socket
import struct
import time

import pytest

import bpfsys
import invariant as rule2
import mma
import wire
from memory import growth, kernel_memory
from mma import MPTCP, TCP
from test_races import Race, everything
from test_strip_churn import Child

RESTARTS = int(os.environ.get("MMA_SOAK_RESTARTS", 1000))
CONNECTIONS = int(os.environ.get("MMA_SOAK_CONNECTIONS", 1000000))
SECONDS = int(os.environ.get("MMA_SOAK_SECONDS", 36000))
PORT, OFF_LIST = 7001, 7002
KB_A_ROUND = 24  # the smallest of our hash maps, netns, has 64


def differs(before):
    """The parts of everything() that differ."""
    now = everything()
    return {part for part in before if now[part] != before[part]}


class Bound:
    """True for n rounds while time is left, and at least for the minimum number."""

    def __init__(self, n, least):
        self.n, self.least, self.end, self.done = n, least, time.monotonic() + SECONDS, 0

    def again(self):
        if self.done >= self.n or (self.done >= self.least and time.monotonic() > self.end):
            return False
        self.done += 1
        return True


def test_restarts(cgroup):
    """Each time the first socket speaks MPTCP, and no port off the list does."""
    mma.attach(cgroup, "--port", PORT)
    before, samples = everything(), []
    bound = Bound(RESTARTS, 30)
    while bound.again():
        cgroup.restart()
        with mma.listen(PORT, cgroup=cgroup) as listener:
            assert tuple(mma.try_connection(listener, socket.socket(proto=MPTCP))) == (True, True), bound.done
        if bound.done % 10 == 0:
            rule2.check(cgroup)
            samples.append(kernel_memory())
    print(f"{bound.done} restarts, {growth(samples) / 10:.1f} kB each")
    assert mma.counters(cgroup)["restarts"] == bound.done
    mma.mma("--refresh", check=True)
    assert set(mma.map_dict("cgroups")) == {cgroup.id}
    assert differs(before) <= {"cgroups", "accounts", "pins"}, "ids, and names of pins that have them"
    assert len(everything()["pins"]) == len(before["pins"])
    assert growth(samples) < KB_A_ROUND * 10


def connect(child, port_of, n, address):
    """Makes n connections, in turns to a port on the list and one off it, by MPTCP and TCP;
    returns how many of each."""
    made = collections.Counter()
    reset = struct.pack("ii", 1, 0)
    for i in range(n):
        port, proto = (PORT, OFF_LIST)[i % 4 == 3], (MPTCP, TCP)[i % 4 == 2]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as client:
            client.settimeout(60)
            client.connect((address, port))
            with port_of[port].accept()[0] as server:
                client.sendall(b"?")
                assert server.recv(1) == b"?"
                server.sendall(b"!")
                assert client.recv(1) == b"!"
                speaks = mma.is_mptcp(client)
                assert speaks == mma.is_mptcp(server) == (port == PORT and proto == MPTCP), (port, proto)
                # Otherwise TIME_WAIT would use up the ports.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        made["mptcp" if speaks else "plain" if proto == TCP else "off_list"] += 1
    return made


def test_connections(cgroup):
    mma.attach(cgroup, "--port", PORT)
    maker = wire.Maker(cgroup=cgroup)
    addresses = ("127.0.0.1", "127.0.0.2")
    listeners = {a: {p: mma._listen(maker.socket(), p, a) for p in (PORT, OFF_LIST)} for a in addresses}
    made, samples, before = collections.Counter(), [], everything()
    # Sockets are allocated in slabs of 32 kB: fewer thousands, and three slabs would look like growth.
    bound, batch = Bound(CONNECTIONS // 1000, 18), 1000
    begin = time.monotonic()
    try:
        while bound.again():
            children = [Child(connect, listeners[a], batch // 2, a) for a in addresses]
            for child in children:
                made += child.join()
            samples.append(kernel_memory())
    finally:
        maker.stop()
        for of_address in listeners.values():
            for listener in of_address.values():
                listener.close()
    n = sum(made.values())
    print(f"{n} connections, {n / (time.monotonic() - begin):.0f} a second: {dict(made)}, {growth(samples):.1f} kB a thousand")
    assert n == bound.done * batch
    counted = {(port, what): row[i] for (_, port, role, _), row in mma.map_dict("accounts").items()
               for i, what in enumerate(("mptcp", "fell_back", "plain", "off_list")) if row[i]}
    assert counted == {(PORT, "mptcp"): made["mptcp"], (PORT, "plain"): made["plain"],
                       (OFF_LIST, "off_list"): made["off_list"]}
    assert mma.counters(cgroup)["stripped_synack"] == made["off_list"]
    assert differs(before) <= {"accounts", "files"}
    assert growth(samples) < KB_A_ROUND


def a_round(cgroup):
    mma.attach(cgroup, "-q", "--port", PORT)
    cgroup.restart()
    with mma.listen(PORT, cgroup=cgroup) as listener:
        assert mma.try_connection(listener, socket.socket(proto=MPTCP)).server
    mma.mma("--refresh", check=True)
    mma.mma("--detach", "-q", check=True)


@pytest.mark.parametrize("leak", [False, True], ids=["as it is", "with a leak"])
def test_memory_over_rounds(cgroup, leak):
    """Attaches and detaches everything; a map that leaks in each round would show."""
    samples, leaked, before = [], [], mma.objects()
    bound = Bound(RESTARTS // 10, 15)
    while bound.again():
        a_round(cgroup)
        if leak:
            leaked.append(bpfsys.map_create(1, 8, 8, 4096, 1))
        mma.wait_until(lambda: sum(map(len, mma.objects().values())) - len(leaked) <= sum(map(len, before.values())),
                       "every object has gone")
        samples.append(kernel_memory())
    for fd in leaked:
        os.close(fd)
    print(f"{bound.done} rounds, {growth(samples):.1f} kB each: {[s - samples[0] for s in samples]}")
    assert (growth(samples) >= KB_A_ROUND) == leak


def test_memory_over_races(cgroup, net):
    race = Race(cgroup, net)
    samples = []
    bound = Bound(RESTARTS // 50, 3)
    try:
        race.settle()
        race.run()
        race.settle()
        before = everything()
        while bound.again():
            race.run(seed=bound.done)
            race.settled(before)
            samples.append(kernel_memory())
    finally:
        race.close()
    print(f"{bound.done} rounds, {growth(samples):.1f} kB each: {[s - samples[0] for s in samples]}")
    if bound.done >= 15:  # fewer show no trend
        assert growth(samples) < 10 * KB_A_ROUND
