# SPDX-License-Identifier: GPL-2.0-only
"""What strip must not touch: forwarded packets, sockets of others, MP_JOIN."""

import contextlib
import select
import socket

import pytest

import links
import mma
import wire
from mma import MPTCP, TCP
from strip_rig import Exchange, Ports, Rig, faults

PORT = 7443


class Router:
    """client - router - container. The router's service and the container's bystander listen on
    the same port."""

    def __init__(self, way):
        self.net = mma.Net()
        self.router, self.client = self.net.server, self.net.client
        self.container = self.router + "k"
        mma.run(["ip", "netns", "add", self.container])
        links.batch(self.container, "link set lo up")
        self.address = "192.0.2.3"
        getattr(self, way)()

    def routed(self):
        self.address = "198.51.100.2"
        links.batch(self.router, f"link add r1 type veth peer name k0 netns {self.container}",
                    "addr add 198.51.100.1/24 dev r1", "link set r1 up")
        self.number("k0", "198.51.100.2", "route add default via 198.51.100.1")
        links.batch(self.client, "route add 198.51.100.0/24 via 192.0.2.1")
        mma.sysctl("net.ipv4.ip_forward", 1, netns=self.router)

    def bridged(self):
        links.batch(self.router, f"link add r1 type veth peer name k0 netns {self.container}", "link set r1 up",
                    "addr flush dev s0", "link add br0 type bridge", "link set br0 up", "link set s0 master br0", "link set r1 master br0",
                    "addr add 192.0.2.1/24 dev br0")
        self.number("k0", self.address)

    def macvlan(self):
        self.above("type macvlan mode bridge")
        self.number("k0", self.address)

    def ipvlan(self):
        self.above("type ipvlan mode l2")
        self.number("k0", self.address)

    def vlan(self):
        self.above("type vlan id 7")
        self.address = "198.51.100.3"
        self.number("k0", self.address)
        links.batch(self.client, "link add link c0 name c7 type vlan id 7", "addr add 198.51.100.2/24 dev c7",
                    "link set c7 up")

    def above(self, kind):
        """A device on top of the router's, inside the container."""
        links.batch(self.router, f"link add link s0 name k0 {kind}", f"link set k0 netns {self.container}")

    def number(self, device, address, *more):
        links.batch(self.container, f"addr add {address}/24 dev {device}", f"link set {device} up", *more)

    def remove(self):
        mma.run(["ip", "netns", "del", self.container])
        self.net.remove()


@pytest.mark.parametrize("cookies", [1, 2], ids=["", "syncookies"])
@pytest.mark.parametrize("way", ["routed", "bridged", "macvlan", "ipvlan", "vlan"])
def test_forwarded_synack_of_the_same_port(way, cookies, cgroup):
    mma.run(["modprobe", way], check=False)
    router = Router(way)
    mma.attach(cgroup, "--netns", f"/run/netns/{router.router}")
    mma.sysctl("net.ipv4.tcp_syncookies", cookies, netns=router.container)
    try:
        with mma.listen(PORT, netns=router.router, cgroup=cgroup) as own, \
                mma.listen(PORT, netns=router.container, proto=MPTCP) as bystander, \
                wire.Capture(netns=router.client) as capture:
            assert mma.so_protocol(own) == MPTCP
            with mma.connect(router.address, PORT, netns=router.client) as client, bystander.accept()[0] as server:
                assert mma.is_mptcp(client) and mma.is_mptcp(server)
            assert all(p.mp_capable for p in capture.take(PORT) if p.kind)
            # The same path to the service itself: stripped.
            with mma.connect("192.0.2.1", PORT, netns=router.client) as client, own.accept()[0] as server:
                assert not mma.is_mptcp(client) and mma.so_protocol(server) == TCP
    finally:
        router.remove()


@pytest.fixture
def rig(cgroup):
    rig = Rig(links.Veth(), cgroup)
    yield rig
    rig.close()
    rig.link.remove()


def exchange(rig, listener, client, port=PORT):
    return Exchange(rig, client, [listener], rig.address("v4"), Ports(port, port))


def test_sockets_of_others(rig):
    """Sockets of another cgroup, and of none, that ask for MPTCP themselves get it. A socket of
    the service that asks for MPTCP itself is governed anyway."""
    other = mma.Cgroup()
    try:
        for place, syn, synack in (({}, True, True), ({"cgroup": other}, True, True),
                                   ({"cgroup": rig.cgroup}, True, False)):
            with mma.listen(PORT, proto=MPTCP, netns=rig.link.server, **place) as listener:
                assert mma.so_protocol(listener) == MPTCP
                got = exchange(rig, listener, rig.socket("client", False, socket.AF_INET))
            assert not faults(got, syn, synack), place
            with mma.listen(PORT, proto=MPTCP, netns=rig.link.server) as listener:
                client = mma.make_socket(proto=MPTCP, netns=rig.link.client, **place)
                got = exchange(rig, listener, client)
            assert not faults(got, synack, synack), place
    finally:
        other.remove()


def test_reuseport_shared_with_a_bystander(rig):
    """With syncookies strip looks up the listener of a SYN-ACK: it must find the right one in a
    group of which only one is governed."""
    def prepare(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    for cookies in (1, 2):
        seen = set()
        with rig.sysctl("net.ipv4.tcp_syncookies", cookies), \
                rig.listener(True, socket.AF_INET, PORT, prepare) as own, \
                rig.listener(False, socket.AF_INET, PORT, prepare) as bystander:
            for _ in range(60):
                with contextlib.ExitStack() as stack:
                    client = stack.enter_context(rig.socket("client", False, socket.AF_INET))
                    client.connect((rig.address("v4"), PORT))
                    client.sendall(b"?")
                    ready = mma.wait_until(lambda: [s for s in (own, bystander) if readable(s)], "a connection")[0]
                    server = stack.enter_context(ready.accept()[0])
                    assert mma.is_mptcp(client) == mma.is_mptcp(server) == (ready is bystander)
                    seen.add(ready)
                if len(seen) == 2:
                    break
        assert len(seen) == 2


def readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


def mib(name, netns):
    out = mma.run(["nstat", "-asz", name], netns=netns).out
    return int(out.split(name)[1].split()[0])


def subflows(sock):
    return sock.getsockopt(mma.SOL_MPTCP, mma.MPTCP_INFO, 256)[0]


def test_mp_join_is_not_touched(rig):
    """A second path joins, even after the port has left the list, because that does not affect
    open connections."""
    server, client = rig.link.server, rig.link.client
    for netns in (server, client):
        mma.run(["ip", "-n", netns, "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4"])
    links.batch(client, "addr add 192.0.2.12/24 dev c0", "addr add 192.0.2.13/24 dev c0")
    mma.run(["ip", "-n", client, "mptcp", "endpoint", "add", "192.0.2.12", "dev", "c0", "subflow"])
    rig.allow(PORT, 3)
    joins = mib("MPTcpExtMPJoinAckRx", server)
    with rig.listener(True, socket.AF_INET, PORT) as listener, \
            rig.socket("client", True, socket.AF_INET) as out:
        out.connect((rig.address("v4"), PORT))
        out.sendall(b"?")
        with listener.accept()[0] as conn:
            assert conn.recv(1) == b"?"
            conn.sendall(b"!")
            assert out.recv(1) == b"!"
            assert mma.is_mptcp(conn) and mma.is_mptcp(out)
            mma.wait_until(lambda: subflows(out) == 1 and subflows(conn) == 1, "the second path")
            rig.allow(PORT, 0)
            mma.run(["ip", "-n", client, "mptcp", "endpoint", "add", "192.0.2.13", "dev", "c0", "subflow"])
            mma.wait_until(lambda: subflows(out) == 2 and subflows(conn) == 2, "the third path")
            conn.sendall(b"." * 100000)
            left = 100000
            while left:
                left -= len(out.recv(65536))
    assert mib("MPTcpExtMPJoinAckRx", server) == joins + 2
    packets = [p for c in rig.captures.values() for p in c.take(PORT)]
    assert sum(p.mp_join for p in packets if p.kind == "SYN") == 2
    assert sum(p.mp_join for p in packets if p.kind == "SYN-ACK") == 2
    assert all(p.checksum_ok for p in packets)
