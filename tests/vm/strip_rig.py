# SPDX-License-Identifier: GPL-2.0-only
"""One connection between a server and a client, either of which may be governed by the allowlist:
what should be seen of it, and what was."""

import collections
import contextlib
import errno
import select
import socket

import mma
import wire
from mma import MPTCP, TCP, Map

LISTEN, CONNECT = 1, 2
FAMILIES = {"v4": socket.AF_INET, "v6": socket.AF_INET6, "mapped": socket.AF_INET6}
TCP_FASTOPEN, MSG_FASTOPEN, SYN_RECV = 23, 0x20000000, 3

Row = collections.namedtuple("Row", "link family offload governed roles way")


class Rig:
    """A link whose two namespaces are covered. Creates sockets inside the attached cgroup
    (governed) and outside."""

    def __init__(self, link, cgroup):
        self.link, self.cgroup = link, cgroup
        self.covered = [f"/run/netns/{n}" for n in dict.fromkeys((link.server, link.client))]
        mma.attach(cgroup, *(word for n in self.covered for word in ("--netns", n)))
        self.makers = {(side, governed): wire.Maker(netns=netns, **({"cgroup": cgroup} if governed else {}))
                       for side, netns, _ in link.sides() for governed in (False, True)}
        self.captures = {side: wire.Capture(device, netns=netns) for side, netns, device in link.sides()}
        self.ports = Map("ports")
        self.stripped = {"stripped_syn": 0, "stripped_synack": 0}  # expected counts

    def close(self):
        for maker in self.makers.values():
            maker.stop()
        for capture in self.captures.values():
            capture.sock.close()
        self.ports.__exit__()

    def socket(self, side, governed, family):
        """A socket that asks for MPTCP: directly, or because it is governed."""
        sock = self.makers[side, governed].socket(family, socket.SOCK_STREAM, 0 if governed else MPTCP)
        assert mma.so_protocol(sock) == MPTCP
        sock.settimeout(20)
        return sock

    def listener(self, governed, family, port, prepare=None, address=None):
        sock = self.socket("server", governed, family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if prepare:
            prepare(sock)
        sock.bind((address or "", port))
        sock.listen(64)
        return sock

    def allow(self, port, roles):
        if roles is not None:
            self.ports[port] = roles
        else:
            with contextlib.suppress(FileNotFoundError):
                del self.ports[port]

    def address(self, family):
        if family == "mapped":
            return "::ffff:" + self.link.addresses[socket.AF_INET][0]
        return self.link.addresses[FAMILIES[family]][0]

    @contextlib.contextmanager
    def nft(self, side, rules):
        """An nftables table that exists as long as the context lasts."""
        netns = getattr(self.link, side)
        mma.run(["nft", "-f", "-"], stdin=f"table inet test {{ {rules}\n}}\n", netns=netns)
        try:
            yield
        finally:
            mma.run(["nft", "delete table inet test"], netns=netns)

    @contextlib.contextmanager
    def sysctl(self, name, value, side="server"):
        netns = getattr(self.link, side)
        before = mma.sysctl(name, netns=netns)
        mma.sysctl(name, value, netns=netns)
        try:
            yield
        finally:
            mma.sysctl(name, before, netns=netns)


Ports = collections.namedtuple("Ports", "asked bound")  # by the client, by the listener


class Exchange:
    """The client connects to one of the listeners, a byte goes each way, and the packets are
    captured."""

    def __init__(self, rig, client, listeners, address, ports, fast_open=False):
        self.rig = rig
        for capture in rig.captures.values():
            capture.take()
        target = (address, ports.asked)
        with client:
            if fast_open:
                client.sendto(b"?", MSG_FASTOPEN, target)
            else:
                client.connect(target)
                client.sendall(b"?")
            server = self.accept(listeners)
            with server:
                server.settimeout(20)
                assert server.recv(1) == b"?"
                # An MPTCP server that sends before the last ACK of a fast open is not heard until
                # later. That is the kernel's behaviour (test_strip_hazards.py shows it) and not
                # tested here.
                mma.wait_until(lambda: tcp_state(server) != SYN_RECV, "the last ACK")
                server.sendall(b"!")
                assert client.recv(1) == b"!"
                self.server_protocol = mma.so_protocol(server)
                self.server, self.client = mma.is_mptcp(server), mma.is_mptcp(client)
                self.client_error = info_error(client)
                at_server = rig.captures["server"].take()
                at_client = rig.captures["client"].take()
        if rig.link.server == rig.link.client:
            at_client = at_server
        self.packets = ([p for p in at_server if p.dport in ports] +
                        [p for p in at_client if p.sport in ports])
        self.syns = [p for p in self.packets if p.kind == "SYN"]
        self.synacks = [p for p in self.packets if p.kind == "SYN-ACK"]
        self.acks = [p for p in self.packets if not p.kind and p.dport in ports]

    @staticmethod
    def accept(listeners):
        ready = select.select(listeners, [], [], 20)[0]
        assert ready, "no connection"
        return ready[0].accept()[0]


def tcp_state(sock):
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def info_error(sock):
    try:
        sock.getsockopt(mma.SOL_MPTCP, mma.MPTCP_INFO, 256)
    except OSError as e:
        return e.errno
    return 0


def faults(exchange, syn, synack, way=""):
    """Lists what is not as expected. syn, synack: whether each should carry MP_CAPABLE. The
    connection should be MPTCP if both do."""
    found = []

    def expect(condition, what):
        if not condition:
            found.append(what)

    expect(exchange.syns and exchange.synacks and exchange.acks, "packets are missing")
    expect(all(p.mp_capable == syn for p in exchange.syns), f"SYN with MP_CAPABLE: not {syn}")
    expect(all(p.mp_capable == synack for p in exchange.synacks), f"SYN-ACK with MP_CAPABLE: not {synack}")
    expect(exchange.acks and exchange.acks[0].mp_capable == synack, f"ACK with MP_CAPABLE: not {synack}")
    if not synack:
        expect(not any(kind == wire.MPTCP_KIND for p in exchange.acks for kind, _ in p.options), "MPTCP leaks later")
    expect(not any(p.mp_join for p in exchange.packets), "MP_JOIN")
    expect(all(p.checksum_ok for p in exchange.packets), "a wrong checksum")
    expect(exchange.client == synack, f"client is MPTCP: {exchange.client}")
    expect(exchange.server == synack, f"server is MPTCP: {exchange.server}")
    # ip_getsockopt and ipv6_getsockopt return different errors for a level that is not theirs.
    expect(exchange.client_error in ((0,) if synack else (errno.EOPNOTSUPP, errno.ENOPROTOOPT)),
           f"MPTCP_INFO: {exchange.client_error}")
    if way != "fast open":  # there the child exists before the SYN-ACK
        expect(exchange.server_protocol == (MPTCP if synack else TCP), f"SO_PROTOCOL {exchange.server_protocol}")
    return found
