# SPDX-License-Identifier: GPL-2.0-only
"""Thirty-two runs of the tool at once, while everything they deal with changes: services restart,
cgroups and network namespaces come and go, interfaces are added, moved and removed, the list is
edited, and connections are made. Nothing fails, no port off the list speaks MPTCP, and afterwards
everything is as before, object for object."""

import collections
import json
import os
import random
import socket
import time

import pytest

import invariant as rule2
import links
import mma
from mma import MPTCP, PINS, TCP, Cgroup, Map
from test_strip_churn import Child

LOADERS, RUNS = 32, 2
PORT, SECOND, OFF_LIST = 7025, 7026, 7027


def words(option, values):
    return [word for value in values for word in (option, value)]


# Each actor is a process of its own and returns how often it did its work. Actors that change
# things leave the processors to the tool, so that there are races and not a queue.

class Actor(Child):
    def __init__(self, function, *args, **place):
        super().__init__(self.work, function, *args, **place)

    @staticmethod
    def work(child, function, *args):
        os.nice(10)
        return function(child, *args)


def load(_, start, number, seed, groups, namespaces):
    """Runs every mode of the tool in turn; all loads start at the same moment. A run that does not
    get the lock within its 5 s, as happens under emulation, is repeated."""
    os.close(start[1])
    os.read(start[0], 1)
    generator = random.Random(f"{number} {seed}")
    outcomes = collections.Counter()
    for n in range(RUNS):
        group = groups[(number + 5 * n) % len(groups)]
        attach = "--port", SECOND, "--cgroup", group
        args = (attach, (*attach, "--cgroup", generator.choice(groups), "--no-repair"),
                (*attach, "--netns", generator.choice(namespaces)), ("--detach", "--cgroup", group),
                ("--refresh",), ("--allow", SECOND), ("--deny", SECOND), ("--status", "--json"))[(number + 3 * n) % 8]
        while True:
            done = mma.mma("-q", *args)
            if done.rc != 1 or ": another run has held it for 5 s;" not in done.err:
                break
            outcomes["waited in vain"] += 1
        assert done.rc == 0, f"{args}: {done}"
        if args[0] == "--status":
            assert json.loads(done.out)["armed"], done
        outcomes["--cgroup" if args[0] == "--port" else args[0]] += 1
    return outcomes


def restart(child, groups):
    """Services that listen, work and end, and whose cgroups are removed and created again."""
    rounds = 0
    while not child.word_came():
        for group in groups:
            rule2.check(group, OFF_LIST)
            with mma.listen(PORT, "127.0.0.3", cgroup=group) as listener:
                exchange(listener, ("127.0.0.3", PORT), MPTCP)
            os.rmdir(group.dir)
            group.make()
        rounds += 1
    return rounds


def inhabit(child, groups):
    """Processes of a service in their own network namespaces."""
    def live():
        mma.unshare(0x40000000)
        mma.run(["ip", "link", "set", "lo", "up"])
        with mma.listen(OFF_LIST) as listener:
            assert tuple(mma.try_connection(listener, socket.socket(proto=MPTCP))) == (False, False)
    rounds = 0
    while not child.word_came():
        for group in groups:
            mma.inside(live, cgroup=group)
            rounds += 1
    return rounds


def move_interfaces(child, here, there):
    rounds = 0
    while not child.word_came():
        links.batch(here, "link add m0 type dummy", "link add m1 type veth peer name m2", f"link set m0 netns {there}",
                    f"link set m2 netns {there}", "link add m3 type dummy")
        links.batch(there, "link del m2", f"link set m0 netns {here}")
        links.batch(here, "link del m0", "link del m3")
        rounds += 1
    return rounds


def edit(child):
    """As bpftool would."""
    rounds = 0
    with Map("ports") as ports:
        while not child.word_came(0.01):
            ports[PORT] = rounds % 4
            rounds += 1
    return rounds


def exchange(listener, target, proto):
    """A connection that carries one byte each way."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as client:
        client.settimeout(20)
        client.connect(target)
        with listener.accept()[0] as server:
            server.settimeout(20)
            client.sendall(b"?")
            assert server.recv(1) == b"?"
            server.sendall(b"!")
            assert client.recv(1) == b"!"
            assert mma.is_mptcp(client) == mma.is_mptcp(server)
            return mma.is_mptcp(client)


def connect(child, listener, target):
    rounds, longest = 0, 0
    while not child.word_came():
        for proto in (MPTCP, TCP):
            begin = time.monotonic()
            exchange(listener, target, proto)
            longest = max(longest, time.monotonic() - begin)
        rounds += 2
    print(f"{rounds} connections to {target[0]}, the longest {longest:.2f} s")
    return rounds


# What there is

def everything():
    """Programs and maps by id, links by type, pins, entries, our open files."""
    found = mma.objects()
    kinds = collections.Counter(l["type"] for l in json.loads(mma.run(["bpftool", "-j", "link", "list"]).out))
    names = {os.path.join(d, f) for d, _, files in os.walk(PINS) for f in files}
    entries = {name: mma.map_dict(name) for name in ("paths", "cgroups", "ports")}
    return {"programs": found["prog"], "maps": found["map"], "links": kinds, "pins": names, **entries,
            "namespaces": set(mma.map_dict("netns")), "accounts": {slot for slot, *_ in mma.map_dict("accounts")},
            "files": len(os.listdir("/proc/self/fd")), "tools": mma.run(["pgrep", "-c", "mptcp-mail"], check=False).out}


def tell(before, now):
    """What has gone, and what is new."""
    if isinstance(before, (dict, set)):
        before, now = (set(x.items()) if isinstance(x, dict) else x for x in (before, now))
        return sorted(before - now), sorted(now - before)
    return before, now


class Race:
    """One path stays attached; the runs may attach and detach the others."""

    def __init__(self, cgroup, net):
        self.cgroup, self.net = cgroup, net
        self.groups = [cgroup.child(f"s{n}.service") for n in range(14)]
        self.others = [Cgroup(f"o{n}.service") for n in range(2)]
        self.namespaces = [f"/run/netns/{name}" for name in (net.server, net.client)]
        mma.attach(cgroup, *words("--netns", self.namespaces), "--port", f"{PORT},{SECOND}")
        self.listeners = [mma.listen(PORT, "127.0.0.2", cgroup=cgroup),
                          mma.listen(PORT, cgroup=cgroup, netns=net.server)]
        for listener in self.listeners:
            listener.listen(256)

    def close(self):
        for listener in self.listeners:
            listener.close()
        for group in self.others:
            group.remove()

    def settle(self):
        """Restores the one path and the list."""
        mma.mma("--detach", "-q", *words("--cgroup", self.groups + self.others), check=True)
        with Map("ports") as ports:
            ports[PORT], ports[SECOND] = 3, 3
        mma.mma("--refresh", check=True)

    def settled(self, before):
        """Waits until everything is as before. The kernel takes its time to remove network
        namespaces, and the next run sweeps what they leave."""
        differing = {}

        def is_same():
            self.settle()
            now = everything()
            differing.clear()
            differing.update((part, tell(value, now[part])) for part, value in before.items() if now[part] != value)
            return not differing
        try:
            mma.wait_until(is_same, "everything is as before", 60)
        except AssertionError as e:
            raise AssertionError(f"{e}; gone, come: {differing}\n{mma.run(['bpftool', 'link', 'list']).out}") from None

    def check(self):
        """Each path has its own slot, and each existing cgroup has its path's slot."""
        paths = {path: slot for path, (slot, _) in mma.map_dict("paths").items()}
        assert len(set(paths.values())) == len(paths), paths
        there = {group.id: paths[group.path] for group in (self.cgroup, *self.groups, *self.others)
                 if group.path in paths}
        assert {id_: slot for id_, (slot, _) in mma.map_dict("cgroups").items()} == there
        assert all(netns["uncovered"] == 0 for netns in mma.status()["netns"] if netns["reachable"])

    def run(self, seed=0):
        every = self.groups + self.others
        actors = {
            "restarts": Actor(restart, self.groups[:2] + self.others[:1]),
            "namespaces": Actor(inhabit, [self.groups[3], self.others[1]]),
            "interfaces": Actor(move_interfaces, self.net.server, self.net.client),
            "edits": Actor(edit),
            "connections": Actor(connect, self.listeners[0], ("127.0.0.2", PORT)),
            "connections by veth": Actor(connect, self.listeners[1], ("192.0.2.1", PORT), netns=self.net.client),
        }
        start = os.pipe()
        loaders = [Child(load, start, n, seed, every, self.namespaces) for n in range(LOADERS)]
        begin = time.monotonic()
        try:
            os.close(start[1])
            outcomes = sum((loader.join() for loader in loaders), collections.Counter())
        finally:
            took = time.monotonic() - begin
            rounds = {name: actor.stop() for name, actor in actors.items()}
            os.close(start[0])
        print(f"{took:.1f} s: {dict(outcomes)}, {rounds}")
        assert all(rounds.values()), rounds
        self.check()
        return outcomes


@pytest.fixture
def race(cgroup, net):
    it = Race(cgroup, net)
    yield it
    it.close()


def test_thirty_two_at_once(race, invariant):
    race.settle()
    exchange(race.listeners[0], ("127.0.0.2", PORT), MPTCP)
    before = everything()
    outcomes = race.run(seed=1)
    assert sum(outcomes.values()) - outcomes["waited in vain"] == LOADERS * RUNS
    race.settled(before)
    assert exchange(race.listeners[0], ("127.0.0.2", PORT), MPTCP)
    assert invariant.pause() > 0
    invariant.resume()
