# SPDX-License-Identifier: GPL-2.0-only
"""Seeded random connections of all kinds, through a router that may remove MPTCP options from
packets, and a log of what --status should count for them.

server s0 - r0 router r1 - c0 client, and a second path s1 - c1 for additional IPv4 subflows.
`mail` is the attached service that listens, `sender` the one that connects; both have namespaces
of their own."""

import collections
import contextlib
import os
import pickle
import random
import select
import socket
import struct

import mma
import wire
from mma import MPTCP, SOL_MPTCP, MPTCP_INFO
from strip_rig import MSG_FASTOPEN, SYN_RECV, TCP_FASTOPEN, tcp_state

LISTED, UNLISTED, MPTCP_OUTSIDE, TCP_OUTSIDE = 7001, 7002, 7003, 7004
SERVER = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8:1::1"}

# The router chooses what to do with a connection by the client's port.
UNTOUCHED, NO_SYN, NO_SYNACK, NO_ACKS = 10000, 13000, 16000, 19000
ROUTER = f"""table inet box {{ chain forward {{ type filter hook forward priority 0;
    tcp sport {NO_SYN}-{NO_SYN + 2999} tcp flags & (syn | ack) == syn reset tcp option mptcp
    tcp dport {NO_SYNACK}-{NO_SYNACK + 2999} tcp flags & (syn | ack) == (syn | ack) reset tcp option mptcp
    tcp sport {NO_ACKS}-{NO_ACKS + 2999} tcp flags & syn == 0 reset tcp option mptcp
    tcp dport {NO_ACKS}-{NO_ACKS + 2999} tcp flags & syn == 0 reset tcp option mptcp
    }}
}}
"""

Kind = collections.namedtuple("Kind", "client port box fast_open mptcp listen connect")

# client: the service `sender`, or an MPTCP or TCP client outside. Then what `mail` should count
# for the connection as listener, and what `sender` should count.
KINDS = {
    "MPTCP": Kind("sender", LISTED, UNTOUCHED, False, True, "mptcp", "mptcp"),
    "MPTCP from outside": Kind("mptcp", LISTED, UNTOUCHED, False, True, "mptcp", None),
    "plain": Kind("tcp", LISTED, UNTOUCHED, False, False, "plain", None),
    "SYN stripped": Kind("sender", LISTED, NO_SYN, False, False, "plain", "fell_back"),
    "SYN-ACK stripped": Kind("sender", LISTED, NO_SYNACK, False, False, "fell_back", "fell_back"),
    "ACKs stripped": Kind("sender", LISTED, NO_ACKS, False, False, "fell_back", "fell_back"),
    "fast open": Kind("sender", LISTED, UNTOUCHED, True, True, "mptcp", "mptcp"),
    "fast open, plain": Kind("tcp", LISTED, UNTOUCHED, True, False, "plain", None),
    "fast open, SYN stripped": Kind("sender", LISTED, NO_SYN, True, False, "plain", "fell_back"),
    "fast open, SYN-ACK stripped": Kind("sender", LISTED, NO_SYNACK, True, False, "fell_back", "fell_back"),
    "off the list, listening": Kind("mptcp", UNLISTED, UNTOUCHED, False, False, "off_list", None),
    "off the list, listening, plain": Kind("tcp", UNLISTED, UNTOUCHED, False, False, "plain", None),
    "off the list, connecting": Kind("sender", MPTCP_OUTSIDE, UNTOUCHED, False, False, None, "off_list"),
    "to TCP": Kind("sender", TCP_OUTSIDE, UNTOUCHED, False, False, None, "fell_back"),
}


class Network:
    def __init__(self):
        n = next(mma._serial)
        self.server, self.router, self.client = f"server{n}", f"router{n}", f"client{n}"
        for name in (self.server, self.router, self.client):
            mma.run(["ip", "netns", "add", name])
        mma.run(["ip", "-n", self.router, "-batch", "-"], stdin=f"""
            link add r0 type veth peer name s0 netns {self.server}
            link add r1 type veth peer name c0 netns {self.client}
            addr add 192.0.2.254/24 dev r0
            addr add 198.51.100.254/24 dev r1
            addr add 2001:db8:1::fe/64 dev r0 nodad
            addr add 2001:db8:2::fe/64 dev r1 nodad
            link set r0 up
            link set r1 up
            """)
        mma.run(["ip", "-n", self.server, "-batch", "-"], stdin=f"""
            link add s1 type veth peer name c1 netns {self.client}
            addr add 192.0.2.1/24 dev s0
            addr add 2001:db8:1::1/64 dev s0 nodad
            addr add 203.0.113.1/24 dev s1
            link set lo up
            link set s0 up
            link set s1 up
            route add default via 192.0.2.254
            route add default via 2001:db8:1::fe
            """)
        mma.run(["ip", "-n", self.client, "-batch", "-"], stdin="""
            addr add 198.51.100.1/24 dev c0
            addr add 2001:db8:2::1/64 dev c0 nodad
            addr add 203.0.113.2/24 dev c1
            link set lo up
            link set c0 up
            link set c1 up
            route add default via 198.51.100.254
            route add default via 2001:db8:2::fe
            rule add from 203.0.113.2 table 7
            route add default via 203.0.113.1 table 7
            mptcp limits set subflows 1 add_addr_accepted 0
            mptcp endpoint add 203.0.113.2 dev c1 subflow
            """)
        mma.run(["ip", "-n", self.server, "mptcp", "limits", "set", "subflows", "1"])
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            mma.sysctl(name, 1, netns=self.router)
        for name in (self.server, self.client):
            mma.sysctl("net.ipv4.tcp_fastopen", 0x607, netns=name)
        mma.run(["nft", "-f", "-"], stdin=ROUTER, netns=self.router)

    def remove(self):
        for name in (self.server, self.router, self.client):
            mma.run(["ip", "netns", "del", name])


def subflows(sock):
    """The number of additional subflows."""
    return sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)[0]


class Traffic:
    def __init__(self, network, mail, sender, seed):
        self.network, self.random = network, random.Random(seed)
        self.log = collections.Counter()  # (service, port, role, counter): n
        self.kinds = collections.Counter()
        self.sports = {}
        self.makers = {"mail": wire.Maker(netns=network.server, cgroup=mail),
                       "outside": wire.Maker(netns=network.server),
                       "sender": wire.Maker(netns=network.client, cgroup=sender),
                       "client": wire.Maker(netns=network.client)}
        self.listeners = {}
        for port, maker, proto in ((LISTED, "mail", 0), (UNLISTED, "mail", 0), (MPTCP_OUTSIDE, "outside", MPTCP),
                                   (TCP_OUTSIDE, "outside", 0)):
            sock = self.makers[maker].socket(socket.AF_INET6, socket.SOCK_STREAM, proto)
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 64)
            self.listeners[port] = mma._listen(sock, port)

    def stop_services(self):
        """Ends their processes; the listeners remain."""
        for name in ("mail", "sender"):
            self.makers.pop(name).stop()

    def close(self):
        for listener in self.listeners.values():
            listener.close()
        for name in list(self.makers):
            self.makers.pop(name).stop()

    def _client(self, kind, family):
        maker = self.makers["sender" if kind.client == "sender" else "client"]
        sock = maker.socket(family, socket.SOCK_STREAM, MPTCP if kind.client == "mptcp" else 0)
        sock.settimeout(20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sport = self.sports[kind.box] = self.sports.get(kind.box, kind.box - 1) + 1
        sock.bind(("", sport))
        return sock

    def _begin(self, kind, family):
        sock = self._client(kind, family)
        if kind.fast_open:
            sock.sendto(b"?", MSG_FASTOPEN, (SERVER[family], kind.port))
        else:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect((SERVER[family], kind.port))
        return sock

    def _accept(self, n):
        """Accepts n connections from any listener, by the client's port."""
        found = {}
        while len(found) < n:
            ready = select.select(list(self.listeners.values()), [], [], 20)[0]
            assert ready, "no connection"
            for listener in ready:
                conn, peer = listener.accept()
                conn.settimeout(20)
                found[peer[1]] = conn
        return found

    def _exchange(self, kind, family, client, server):
        client.settimeout(20)
        if not kind.fast_open:
            select.select([], [client], [], 20)
            client.sendall(b"?")
        assert server.recv(1) == b"?"
        mma.wait_until(lambda: tcp_state(server) != SYN_RECV, "the last ACK")
        server.sendall(b"!")
        assert client.recv(1) == b"!"
        assert (mma.is_mptcp(client), mma.is_mptcp(server)) == (kind.mptcp, kind.mptcp), kind
        if not kind.mptcp or family == socket.AF_INET6:
            return 0
        mma.wait_until(lambda: subflows(client) == subflows(server) == 1, "the second subflow")
        return 1

    def _note(self, kind, joined):
        for service, role, counter in (("mail", "listen", kind.listen), ("sender", "connect", kind.connect)):
            if counter:
                self.log[service, kind.port, role, counter] += 1
                self.log[service, kind.port, role, "subflows"] += joined

    def batch(self, size=8, names=tuple(KINDS)):
        """Opens this many connections at once, and ends them in random order, some by a reset."""
        begun = []
        for _ in range(size):
            name = self.random.choice(names)
            family = self.random.choice((socket.AF_INET, socket.AF_INET6))
            begun.append((KINDS[name], family, self._begin(KINDS[name], family)))
            self.kinds[name] += 1
        accepted = self._accept(size)
        self.random.shuffle(begun)
        ends = []
        for kind, family, client in begun:
            server = accepted[client.getsockname()[1]]
            self._note(kind, self._exchange(kind, family, client, server))
            ends += [client, server]
        self.random.shuffle(ends)
        for sock in ends:
            if self.random.random() < 0.2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def until(self, stop):
        """Runs batches until the other end of the descriptor is closed; returns the log."""
        while not select.select([stop], [], [], 0)[0]:
            self.batch(4)
        return self.log

    def expected(self, service):
        """What --status --json should report."""
        rows = {}
        for (who, port, role, counter), n in sorted(self.log.items()):
            if who == service:
                rows.setdefault((port, role), dict.fromkeys(("mptcp", "fell_back", "plain", "off_list", "subflows"), 0))
                rows[port, role][counter] = n
        return [{"port": port, "role": role, **counters} for (port, role), counters in rows.items()]


@contextlib.contextmanager
def background(traffic):
    """Runs traffic in a process of its own while the context lasts. Afterwards traffic.log is the
    log of that process."""
    r, w = os.pipe()

    def generate():
        os.close(w)
        return traffic.until(r)
    pid, outcome = mma.fork(generate)
    os.close(r)
    try:
        yield
    finally:
        os.close(w)
        with os.fdopen(outcome, "rb") as f:
            ok, value = pickle.load(f)
        os.waitpid(pid, 0)
    assert ok, value
    traffic.log = value
