# SPDX-License-Identifier: GPL-2.0-only
"""Known risks: packets that wait, sockets that outlive what governed them, and the consequences of
a stripped SYN."""

import contextlib
import fcntl
import os
import socket
import struct

import pytest

import links
import mma
import wire
from mma import MPTCP, TCP
from strip_rig import TCP_FASTOPEN, MSG_FASTOPEN, Exchange, Ports, Rig, faults

PORT = 7443
SYN_SENT, SYN_RECV = 2, 3
NOBODY = 65534


@pytest.fixture
def rig(cgroup):
    rig = Rig(links.Veth(), cgroup)
    yield rig
    rig.close()
    rig.link.remove()


def tcp_states(port, netns, far):
    """The states of the sockets on a port, or (far) connected to it."""
    def read():
        found = []
        for name in ("tcp", "tcp6"):
            with open(f"/proc/thread-self/net/{name}") as f:
                for line in list(f)[1:]:
                    _, local, remote, state = line.split()[:4]
                    if int((remote if far else local).split(":")[1], 16) == port:
                        found.append(int(state, 16))
        return found
    return mma.inside(read, netns=netns)


def mac_of(netns, device):
    def read():
        with socket.socket() as s:
            return fcntl.ioctl(s, 0x8927, struct.pack("40s", device.encode()))[18:24].hex(":")  # SIOCGIFHWADDR
    return mma.inside(read, netns=netns)


@contextlib.contextmanager
def neighbour_unknown(netns, device, address, peer_netns, peer_device):
    """Packets to the peer wait until neighbour_known() is called."""
    mac = mac_of(peer_netns, peer_device)
    own = mac_of(netns, device)
    sources = {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"} - {address}
    links.batch(peer_netns, *(f"neigh replace {a} lladdr {own} dev {peer_device} nud permanent" for a in sources))
    mma.run(["nft", "-f", "-"], netns=netns, stdin="""
        table netdev wait { chain in { type filter hook ingress device %s priority 0;
            meta protocol arp drop
            icmpv6 type nd-neighbor-advert drop
        }
        }
        """ % device)
    links.batch(netns, f"neigh flush dev {device}")
    yield lambda: links.batch(netns, f"neigh replace {address} lladdr {mac} dev {device} nud permanent")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_socket_closed_while_its_syn_waits_for_the_neighbour(family, rig):
    address = rig.link.addresses[family][1]
    with neighbour_unknown(rig.link.server, "s0", address, rig.link.client, "c0") as known:
        with rig.socket("server", True, family) as sock:
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.connect((address, PORT))
            mma.wait_until(lambda: SYN_SENT in tcp_states(PORT, rig.link.server, far=True), "SYN_SENT")
        mma.wait_until(lambda: SYN_SENT not in tcp_states(PORT, rig.link.server, far=True), "closed")
        rig.captures["client"].take()
        known()
        syns = []
        mma.wait_until(lambda: syns.extend(rig.captures["client"].take(PORT)) or syns, "the SYN", 5)
    assert [p.kind for p in syns] == ["SYN"]
    assert not syns[0].mp_capable and syns[0].checksum_ok


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
def test_fast_open_child_closed_while_its_synack_waits_for_the_neighbour(reset, rig):
    rig.allow(0, 3)  # a closed socket has forgotten its port; strip must not look up 0
    rig.allow(PORT, 0)
    client_address = rig.link.addresses[socket.AF_INET][1]
    with contextlib.ExitStack() as stack:
        for side in ("server", "client"):
            stack.enter_context(rig.sysctl("net.ipv4.tcp_fastopen", 0x607, side))
        known = stack.enter_context(
            neighbour_unknown(rig.link.server, "s0", client_address, rig.link.client, "c0"))
        listener = stack.enter_context(rig.listener(
            True, socket.AF_INET, PORT, lambda s: s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)))
        client = stack.enter_context(rig.socket("client", False, socket.AF_INET))
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.sendto(b"?", MSG_FASTOPEN, (rig.address("v4"), PORT))
        with listener.accept()[0] as conn:
            conn.settimeout(20)
            assert conn.recv(1) == b"?"
            if reset:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reset:
            mma.wait_until(lambda: SYN_RECV not in tcp_states(PORT, rig.link.server, far=False), "closed")
        rig.captures["client"].take()
        known()
        got = []
        mma.wait_until(lambda: got.extend(rig.captures["client"].take(PORT)) or got, "the SYN-ACK", 5)
    assert "SYN-ACK" in [p.kind for p in got]
    assert not any(p.mp_capable for p in got)
    assert all(p.checksum_ok for p in got)


def raw_syn(source, destination, sport, dport, ip_options):
    """A SYN with MP_CAPABLE, starting with its IPv4 header."""
    src, dst = socket.inet_aton(source), socket.inet_aton(destination)
    options = bytes([2, 4, 5, 180, 1, 1, 4, 2]) + bytes([30, 4, 1, 1])
    tcp = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, (20 + len(options)) << 2, wire.SYN, 65000, 0, 0) + options
    total = wire.ones_complement(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", 0xffff ^ total) + tcp[18:]
    return struct.pack("!BBHHHBBH", 0x40 | (20 + len(ip_options)) // 4, 0, 20 + len(ip_options) + len(tcp), 1, 0, 64,
                       6, 0) + src + dst + ip_options + tcp


@pytest.mark.parametrize("cookies", [1, 2], ids=["", "syncookies"])
@pytest.mark.parametrize("offload", [True, False], ids=["offload", "no-offload"])
def test_ipv4_options(cookies, offload, rig):
    """The SYN-ACK echoes the options. (An MPTCP socket refuses to set its own.)"""
    rig.link.set_offload(offload)
    record_route = bytes([7, 11, 4]) + bytes(8) + b"\1"
    server, client = rig.link.addresses[socket.AF_INET]
    for roles in (0, 1):
        rig.allow(PORT + roles, roles)
        with rig.sysctl("net.ipv4.tcp_syncookies", cookies), rig.listener(True, socket.AF_INET, PORT + roles), \
                mma.make_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW, netns=rig.link.client) as raw:
            rig.captures["client"].take()
            raw.sendto(raw_syn(client, server, 40000, PORT + roles, record_route), (server, 0))
            got = []
            mma.wait_until(lambda: got.extend(rig.captures["client"].take(PORT + roles)) or got, "the SYN-ACK")
        assert got[0].kind == "SYN-ACK" and got[0].ip_options and got[0].checksum_ok
        assert got[0].mp_capable == bool(roles)


def test_simultaneous_open(rig):
    """A socket that connects to itself has both roles. MPTCP falls back in that case, and its
    SYN-ACK has no MP_CAPABLE."""
    for roles in range(4):
        rig.allow(PORT + roles, roles)
        with rig.socket("server", True, socket.AF_INET) as sock, \
                wire.Capture("lo", netns=rig.link.server) as capture:
            sock.bind(("127.0.0.1", PORT + roles))
            sock.connect(("127.0.0.1", PORT + roles))
            assert not mma.is_mptcp(sock)
            packets = {p.kind: p.mp_capable for p in capture.take(PORT + roles)}
        assert packets == {"SYN": bool(roles & 2), "SYN-ACK": False, "": False}


def test_departed_cgroups(cgroup):
    """Sockets of departed cgroups stay governed, including those below an attached cgroup that
    stays."""
    parent = cgroup
    child, grandchild = parent.child("a"), None
    grandchild = child.child("b")
    mma.attach(parent, "--port", "7001")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(mma.listen(port, cgroup=grandchild)) for port in (7001, 7002)]
        clients = [stack.enter_context(mma.make_socket(cgroup=grandchild)) for _ in range(2)]
        os.rmdir(grandchild.dir)
        os.rmdir(child.dir)
        check_both_ways(listeners, stack)
        os.rmdir(parent.dir)
        check_both_ways(listeners, stack)
        for port, client in zip((7001, 7002), clients):
            with mma.listen(port + 10, proto=MPTCP) as listener:
                assert mma.try_connection(listener, client) == (False, False)
        parent.make()  # created and attached again; the old one's sockets are still governed
        check_both_ways(listeners, stack)
        with mma.listen(7003, cgroup=parent) as listener:
            assert mma.so_protocol(listener) == MPTCP


def check_both_ways(listeners, stack):
    """The first port is on the list, the other one is not."""
    for listener, expected in zip(listeners, (True, False)):
        client = stack.enter_context(mma.make_socket(proto=MPTCP))
        assert mma.try_connection(listener, client) == (expected, expected)


def test_detached_service_beside_another(cgroup):
    """Its listeners stay governed as long as anything is attached, and count for no service."""
    other = mma.Cgroup()
    try:
        mma.attach(other, "--port", "7001")
        mma.attach(cgroup)
        with contextlib.ExitStack() as stack:
            listeners = [stack.enter_context(mma.listen(port, cgroup=cgroup)) for port in (7001, 7002)]
            check_both_ways(listeners, stack)
            assert mma.counters(cgroup)["stripped_synack"] == 1
            before = mma.counters(other)
            mma.mma("--detach", "--cgroup", cgroup, check=True)
            check_both_ways(listeners, stack)
            assert mma.counters(other) == before
            mma.attach(cgroup)
            check_both_ways(listeners, stack)
    finally:
        other.remove()


def mib(name, netns):
    return int(mma.run(["nstat", "-asz", name], netns=netns).out.split(name)[1].split()[0])


def test_blackhole(rig):
    """A stripped SYN and two retransmits are lost, and the next one is answered. The kernel
    concludes that the path drops MPTCP, and stops asking for it."""
    client = rig.link.client
    rig.allow(PORT + 1, 3)

    def connection(port, governed):
        with rig.listener(False, socket.AF_INET, port) as listener:
            return Exchange(rig, rig.socket("client", governed, socket.AF_INET), [listener], rig.address("v4"),
                            Ports(port, port))
    assert not faults(connection(PORT + 1, True), True, True)
    assert mma.netns_status(client)["blackhole"] == {"detected": 0, "timeout": 3600}
    with rig.nft("server", f"""chain in {{ type filter hook prerouting priority -500;
            tcp dport {PORT} tcp flags & (syn | ack) == syn numgen inc mod 1000 < 3 drop
            }}"""):
        got = connection(PORT, True)
    assert not faults(got, False, False) and len(got.syns) == 4
    assert mib("MPTcpExtBlackhole", client) == 1
    for port, governed in ((PORT + 1, True), (PORT + 2, False)):  # the bystander, too
        assert not faults(connection(port, governed), False, False)
    # Asked for but not allowed, given up after three SYNs; and then not asked for any more.
    assert {(c["port"], k): c[k] for c in mma.service(rig.cgroup)["connections"] for k in c
            if k not in ("port", "role") and c[k]} == {
        (PORT, "off_list"): 1, (PORT + 1, "mptcp"): 1, (PORT + 1, "plain"): 1}
    assert mma.netns_status(client)["blackhole"] == {"detected": 1, "timeout": 3600}
    assert "net.mptcp.blackhole_timeout=0" in mma.mma("--status", check=True).out
    mma.sysctl("net.mptcp.blackhole_timeout", 0, netns=client)
    for port, governed in ((PORT + 1, True), (PORT + 2, False)):
        assert not faults(connection(port, governed), True, True)


def test_no_blackhole_by_who_can_use_no_port(rig):
    """The same loss for a process that may bind no listed port: its SYN never asks for MPTCP."""
    client = rig.link.client
    with rig.listener(False, socket.AF_INET, PORT) as listener, rig.nft("server", f"""chain in {{
            type filter hook prerouting priority -500;
            tcp dport {PORT} tcp flags & (syn | ack) == syn numgen inc mod 1000 < 3 drop
            }}"""):
        nobodys = mma.make_socket(cgroup=rig.cgroup, netns=client, uid=NOBODY)
        nobodys.settimeout(20)
        got = Exchange(rig, nobodys, [listener], rig.address("v4"), Ports(PORT, PORT))
    assert len(got.syns) == 4 and not any(p.mp_capable for p in got.syns) and got.server_protocol == TCP
    assert mma.netns_status(client)["blackhole"] == {"detected": 0, "timeout": 3600}
    with rig.listener(False, socket.AF_INET, PORT + 2) as listener:
        bystander = Exchange(rig, rig.socket("client", False, socket.AF_INET), [listener], rig.address("v4"),
                             Ports(PORT + 2, PORT + 2))
    assert not faults(bystander, True, True)


@pytest.mark.parametrize("proto", [TCP, MPTCP])
def test_fast_open_reply_before_the_last_ack(proto, rig):
    """With TCP the reply leaves at once. With MPTCP the kernel holds it until the client sends
    more, with strip or without: README, limits."""
    mma.run(["tc", "qdisc", "add", "dev", "c0", "root", "netem", "delay", "300ms"], netns=rig.link.client)
    with contextlib.ExitStack() as stack:
        for side in ("server", "client"):
            stack.enter_context(rig.sysctl("net.ipv4.tcp_fastopen", 0x607, side))
        listener = stack.enter_context(rig.makers["server", False].socket(proto=proto))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        mma._listen(listener, PORT)
        client = stack.enter_context(rig.makers["client", False].socket(proto=proto))
        client.settimeout(6)
        client.sendto(b"?", MSG_FASTOPEN, (rig.address("v4"), PORT))
        conn = stack.enter_context(listener.accept()[0])
        assert conn.recv(1) == b"?"
        conn.sendall(b"!")
        if proto == TCP:
            assert client.recv(1) == b"!"
        else:
            with pytest.raises(TimeoutError):
                client.recv(1)
