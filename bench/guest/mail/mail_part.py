# SPDX-License-Identifier: GPL-2.0-only
"""The cost for a mail server: Postfix, Dovecot and nginx's mail proxy, in turn not attached and
attached, $CYCLES times. Runs in a guest in which a nanosecond is an instruction; writes
$OUT/samples.json. Fails if the two ends did not speak what was to be measured."""

import json
import os
import platform
import sys

import world
from loads import Imap, Smtp, Waited
from servers import Dovecot, Nginx, Postfix, read_programs


class Bench:
    def __init__(self):
        self.postfix, self.dovecot, self.nginx = self.servers = [Postfix(), Dovecot(), Nginx()]
        self.ports = [*(server.port for server in self.servers), Nginx.front_port]
        # For each login that it passes on, nginx makes two connections of its own.
        self.loads = {"smtp": Smtp(self.postfix, 41), "imap": Imap(self.dovecot, 20),
                      "proxy": Imap(self.nginx, 80, outgoing=2), "greet": Imap(self.nginx, 100, "greet"),
                      "front": Imap(self.nginx, 15, outgoing=2, port=Nginx.front_port),
                      "fetch": Imap(self.dovecot, 2, "fetch")}
        self.samples = {}

    def set_up(self):
        world.set_up()
        read_programs()
        for server in self.servers:
            server.configure()

    def measure(self, condition, protocols, loads, mptcp_listener=True, listed=True):
        """One sample of each load with clients of each protocol."""
        world.say(f"  {condition}, {'/'.join(protocols)} clients: {' '.join(loads)}")
        for name in loads:
            load = self.loads[name]
            want = "mptcp" if mptcp_listener else "tcp"
            if (found := world.listener_protocol(load.port)) != want:
                raise world.Broken(f"{condition}, {name}: the listener speaks {found}")
            for protocol in protocols:
                load.warm_up(protocol)
                ns = self.sample(load, protocol, f"{condition}, {name}, {protocol} clients",
                                 asked=protocol == "mptcp", heard=mptcp_listener,
                                 granted=mptcp_listener and listed)
                self.samples.setdefault(f"{condition} {name} {protocol}", []).append(ns)

    def sample(self, load, protocol, what, **expected):
        for _ in range(3):
            world.settle()
            before = world.counters()
            try:
                ns, spoke = load.run(protocol)
            except Waited:
                continue
            prove(what, load, world.since(before), spoke, **expected)
            return ns
        raise world.Broken(f"{what}: the processor had nothing to do amid it, three times")

    def start(self, *servers):
        for server in servers:
            server.start()

    def stop(self, *servers):
        for server in servers:
            server.stop()

    def cycle(self):
        """A listener keeps its protocol, so each condition starts servers of its own."""
        self.nginx.native(False)
        self.start(*self.servers)
        plain = {"mptcp_listener": False}
        self.measure("plain", ["tcp"], ["smtp", "imap", "proxy", "front", "greet", "fetch"], **plain)
        self.measure("plain", ["mptcp"], ["greet"], **plain)
        self.stop(*self.servers)

        self.nginx.native(True)
        self.start(self.dovecot, self.nginx)
        self.measure("native", ["tcp"], ["proxy", "front", "greet"])
        self.measure("native", ["mptcp"], ["proxy"])
        self.stop(self.dovecot, self.nginx)
        self.nginx.native(False)

        world.attach(self.ports)
        self.start(*self.servers)
        self.measure("listed", ["tcp"], ["smtp", "imap", "proxy", "front", "greet", "fetch"])
        self.measure("listed", ["mptcp"], ["smtp", "imap", "proxy", "fetch"])
        world.deny(self.ports)
        self.measure("off", ["tcp"], ["smtp", "imap", "proxy", "front", "greet"], listed=False)
        self.stop(*self.servers)
        world.detach()


def prove(what, load, grown, spoke, asked, heard, granted):
    """Checks that as many connections as were made spoke what they should. nginx's own connections
    come from workers that may bind none of the ports: TCP sockets, attached or not."""
    server, client = grown
    n = load.connections
    outgoing = n * load.outgoing
    want = {
        "connections that came": (server["TcpPassiveOpens"], n + outgoing),
        "MP_CAPABLE that came": (server["MPTcpExtMPCapableSYNRX"], n * (asked and heard)),
        "MPTCP connections that came": (server["MPTcpExtMPCapableACKRX"], n * granted * asked),
        "MP_CAPABLE of the server's own": (server["MPTcpExtMPCapableSYNTX"], 0),
        "MP_CAPABLE of the clients": (client["MPTcpExtMPCapableSYNTX"], n * asked),
        "MP_CAPABLE in answers": (client["MPTcpExtMPCapableSYNACKRX"], n * granted * asked),
        "clients that fell back": (client["MPTcpExtMPCapableFallbackSYNACK"], n * (asked and not granted)),
    }
    if spoke is not None:
        want |= {"mptcp": (spoke["mptcp"], n * granted * asked), "tcp": (spoke["tcp"], n * (not asked)),
                 "fallen-back": (spoke["fallen-back"], n * (asked and not granted))}
    for name, (found, expected) in want.items():
        if found != expected:
            raise world.Broken(f"{what}: {name}: {found}, not {expected}")


def main():
    bench = Bench()
    bench.set_up()
    versions = {server.name: server.version() for server in bench.servers}
    world.say(", ".join(f"{name} {version}" for name, version in versions.items()))
    rounds = int(os.environ["CYCLES"])
    for n in range(rounds):
        world.say(f"round {n + 1} of {rounds}")
        bench.cycle()
    with open(f"{os.environ['OUT']}/samples.json", "w", encoding="ascii") as f:
        json.dump({"kernel": platform.release(), "versions": versions, "samples": bench.samples}, f, indent=1)


if __name__ == "__main__":
    try:
        main()
    except world.Broken as e:
        sys.exit(f"mail: {e}")
