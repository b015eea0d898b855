# SPDX-License-Identifier: GPL-2.0-only
"""Socket options that clients set before connect(): the table in docs/options.md, and what repair
keeps for the connection. TCP's behaviour shows whether a value is in effect."""

import ctypes
import errno
import json
import os
import select
import socket
import struct
import time

import pytest

from mma import (HERE, MPTCP, TCP, Cgroup, Map, attach, connect, counters, inside, is_mptcp, listen, make_socket, mma,
                 run, service, so_protocol, sysctl, unshare)

SOL_SOCKET, SOL_IP, SOL_IPV6 = socket.SOL_SOCKET, 0, 41
TCP_SYNCNT, TCP_USER_TIMEOUT, TCP_FASTOPEN_CONNECT = 7, 18, 30
NOBODY = 65534
OFF_LIST, LISTED = 7101, 7102
CLONE_NEWNET = 0x40000000  # unshare(2)

V4, V6 = socket.AF_INET, socket.AF_INET6

libc = ctypes.CDLL(None, use_errno=True)


def number(value):
    return struct.pack("=i", value)


# Name, family of the socket, level, option, value.
OPTIONS = [
    ("TCP_NODELAY", V4, TCP, 1, number(1)),
    ("TCP_CORK", V4, TCP, 3, number(1)),
    ("TCP_MAXSEG", V4, TCP, 2, number(1000)),
    ("TCP_KEEPIDLE", V4, TCP, 4, number(77)),
    ("TCP_KEEPINTVL", V4, TCP, 5, number(7)),
    ("TCP_KEEPCNT", V4, TCP, 6, number(3)),
    ("TCP_USER_TIMEOUT", V4, TCP, TCP_USER_TIMEOUT, number(5000)),
    ("TCP_SYNCNT", V4, TCP, TCP_SYNCNT, number(3)),
    ("TCP_LINGER2", V4, TCP, 8, number(7)),
    ("TCP_DEFER_ACCEPT", V4, TCP, 9, number(7)),
    ("TCP_WINDOW_CLAMP", V4, TCP, 10, number(20000)),
    ("TCP_QUICKACK", V4, TCP, 12, number(0)),
    ("TCP_CONGESTION", V4, TCP, 13, b"reno"),
    ("TCP_NOTSENT_LOWAT", V4, TCP, 25, number(16384)),
    ("TCP_SAVE_SYN", V4, TCP, 27, number(1)),
    ("TCP_FASTOPEN_CONNECT", V4, TCP, TCP_FASTOPEN_CONNECT, number(1)),
    ("IP_TOS", V4, SOL_IP, 1, number(0x10)),
    ("IP_TTL", V4, SOL_IP, 2, number(61)),
    ("IP_MTU_DISCOVER", V4, SOL_IP, 10, number(2)),
    ("IP_RECVERR", V4, SOL_IP, 11, number(1)),
    ("IP_FREEBIND", V4, SOL_IP, 15, number(1)),
    ("IP_TRANSPARENT", V4, SOL_IP, 19, number(1)),
    ("IP_BIND_ADDRESS_NO_PORT", V4, SOL_IP, 24, number(1)),
    ("IP_LOCAL_PORT_RANGE", V4, SOL_IP, 51, struct.pack("=I", 45000 << 16 | 44000)),
    ("IPV6_V6ONLY", V6, SOL_IPV6, 26, number(1)),
    ("IPV6_TCLASS", V6, SOL_IPV6, 67, number(0x10)),
    ("IPV6_UNICAST_HOPS", V6, SOL_IPV6, 16, number(61)),
    ("SO_REUSEADDR", V4, SOL_SOCKET, 2, number(1)),
    ("SO_REUSEPORT", V4, SOL_SOCKET, 15, number(1)),
    ("SO_KEEPALIVE", V4, SOL_SOCKET, 9, number(1)),
    ("SO_LINGER", V4, SOL_SOCKET, 13, struct.pack("=ii", 1, 7)),
    ("SO_SNDBUF", V4, SOL_SOCKET, 7, number(30000)),
    ("SO_RCVBUF", V4, SOL_SOCKET, 8, number(30000)),
    ("SO_SNDTIMEO", V4, SOL_SOCKET, 21, struct.pack("=qq", 7, 0)),
    ("SO_RCVTIMEO", V4, SOL_SOCKET, 20, struct.pack("=qq", 7, 0)),
    ("SO_RCVLOWAT", V4, SOL_SOCKET, 18, number(2)),
    ("SO_PRIORITY", V4, SOL_SOCKET, 12, number(3)),
    ("SO_MARK", V4, SOL_SOCKET, 36, number(77)),
    ("SO_BINDTODEVICE", V4, SOL_SOCKET, 25, b"lo\0"),
    ("SO_TIMESTAMP", V4, SOL_SOCKET, 29, number(1)),
    ("SO_MAX_PACING_RATE", V4, SOL_SOCKET, 47, number(1000000)),
    ("SO_ZEROCOPY", V4, SOL_SOCKET, 60, number(1)),
    ("SO_BUSY_POLL", V4, SOL_SOCKET, 46, number(50)),
    ("SO_OOBINLINE", V4, SOL_SOCKET, 10, number(1)),
]

WORKS = "works"


def put(sock, level, option, value):
    try:
        sock.setsockopt(level, option, value)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno].replace("ENOTSUP", "EOPNOTSUPP")


def get(sock, level, option, size=16):
    try:
        return sock.getsockopt(level, option, size)
    except OSError as e:
        return errno.errorcode[e.errno].replace("ENOTSUP", "EOPNOTSUPP")


def address(family, port):
    return ("127.0.0.1", port) if family == V4 else ("::1", port)


def outcome(row, sock, listener, after=False):
    """Sets the option before or after connect(), and returns what is read at the end."""
    _, family, level, option, value = row
    with sock:
        sock.settimeout(20)
        done = "done" if after else put(sock, level, option, value)
        if done != "done":
            return done
        sock.connect(address(family, listener.getsockname()[1]))
        if option == TCP_FASTOPEN_CONNECT and level == TCP:
            sock.send(b"?")
        server, _ = listener.accept()
        with server:
            if after:
                sock.send(b"?")
                server.recv(1)
                server.send(b"!")
                sock.recv(1)
                done = put(sock, level, option, value)
            return get(sock, level, option) if done == "done" else done


def word(answer, tcp):
    """"works": the option can be set, and reads the same as on TCP."""
    if isinstance(answer, str):
        return answer
    return WORKS if answer == tcp else "lost"


@pytest.fixture
def group(cgroup):
    attach(cgroup, "--port", "25/listen")
    return cgroup


def listeners():
    """Listeners on a port off the list (which would speak MPTCP) and of plain TCP."""
    return {(family, proto): listen(0, family=family, proto=proto) for family in (V4, V6) for proto in (TCP, MPTCP)}


def columns(group, there):
    """The table: the outcome for each option."""
    found = {}
    listed = {family: listen(0, family=family, proto=MPTCP) for family in (V4, V6)}
    for sock in listed.values():
        mma("--allow", f"{sock.getsockname()[1]}/connect", check=True)
    for row in OPTIONS:
        name, family = row[:2]
        off_list, plain = there[family, MPTCP], there[family, TCP]
        tcp = outcome(row, make_socket(family, proto=TCP), plain)
        tcp_after = outcome(row, make_socket(family, proto=TCP), plain, after=True)
        found[name] = {
            "tcp": word(tcp, tcp),
            "tcp_after": word(tcp_after, tcp_after),
            "mptcp": word(outcome(row, make_socket(family, proto=MPTCP), plain), tcp),
            "attached": word(outcome(row, make_socket(family, cgroup=group), off_list), tcp),
            "attached_after": word(outcome(row, make_socket(family, cgroup=group), off_list, after=True), tcp_after),
            "speaking_after": word(outcome(row, make_socket(family, cgroup=group), listed[family], after=True),
                                   tcp_after),
        }
    for sock in listed.values():
        mma("--deny", str(sock.getsockname()[1]), check=True)
        sock.close()
    return found


def recorded():
    with open(f"{HERE}/options.json", encoding="ascii") as f:
        return json.load(f)


def test_table(group):
    there = listeners()
    found = columns(group, there)
    kernel = ".".join(os.uname().release.split(".")[:2])
    print(json.dumps({kernel: found}))
    if os.environ.get("OUT"):
        with open(f"{os.environ['OUT']}/options-{kernel}.json", "w", encoding="ascii") as f:
            json.dump({kernel: found}, f)
    # What repair hands over works as on TCP. On a connection off the list, no accepted option is
    # lost.
    for name in ("TCP_USER_TIMEOUT", "TCP_SYNCNT"):
        assert found[name]["mptcp"] == "ENOPROTOOPT" and found[name]["attached"] == WORKS
    known = recorded().get(kernel)
    if known is not None:
        assert found == known
    for name, row in found.items():
        assert row["attached"] in (row["mptcp"], WORKS), name


def test_unprivileged(group):
    """For a process that may not bind a listed port, every option behaves as on TCP."""
    there = listeners()
    assert so_protocol(make_socket(cgroup=group, uid=NOBODY)) == TCP
    for row in OPTIONS:
        family, other = row[1], there[row[1], MPTCP]
        tcp = outcome(row, make_socket(family, proto=TCP), other)
        assert outcome(row, make_socket(family, cgroup=group, uid=NOBODY), other) == tcp, row[0]


# What is handed over

def libpq(address, timeout, family=V4, synced=lambda: None):
    """libpq's connectDBStart() and the steps after it: gives up at the first option that fails.
    Returns the socket, or libpq's error text."""
    sock = socket.socket(family)
    for level, option, value in ((TCP, 1, 1), (SOL_SOCKET, socket.SO_KEEPALIVE, 1), (TCP, 4, 60), (TCP, 5, 10),
                                 (TCP, 6, 3), (TCP, TCP_USER_TIMEOUT, timeout)):
        done = put(sock, level, option, value)
        if done != "done":
            sock.close()
            return f"setsockopt {option} failed: {done}"
    assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(timeout)
    sock.setblocking(False)
    assert sock.connect_ex(address) in (0, errno.EINPROGRESS)
    synced()
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    assert poll.poll(20000)
    assert sock.getsockopt(SOL_SOCKET, socket.SO_ERROR) == 0
    return sock


def send_socket(function, *args, **place):
    """A socket that a child created in a place, or the text that function returned."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        def make():
            made = function(*args)
            if isinstance(made, str):
                return made
            socket.send_fds(there, [b"."], [made.fileno()])
            return None
        text = inside(make, **place)
        return text or socket.socket(fileno=socket.recv_fds(here, 1, 1)[1][0])


@pytest.fixture
def docker(net, cgroup):
    """An attached cgroup and its namespace, in which every process may bind every port."""
    attach(cgroup, "--port", "25/listen", "--netns", f"/run/netns/{net.client}")
    sysctl("net.ipv4.ip_unprivileged_port_start", 0, net.client)
    return cgroup


@pytest.mark.parametrize("family, to", [(V4, "192.0.2.1"), (V6, "2001:db8::1"), (V6, "::ffff:192.0.2.1")],
                         ids=["IPv4", "IPv6", "mapped"])
def test_libpq(docker, net, family, to):
    place = {"cgroup": docker, "netns": net.client, "uid": NOBODY}
    with listen(5432, family=V6, addr="::", proto=MPTCP, netns=net.server) as listener:
        sock = send_socket(libpq, (to, 5432), 5000, family, **place)
        assert isinstance(sock, socket.socket), sock
        with sock:
            server, _ = listener.accept()
            with server:
                assert so_protocol(sock) == MPTCP and not is_mptcp(sock) and not is_mptcp(server)
                assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(5000)
                sock.setblocking(True)
                sock.sendall(b"?")
                assert server.recv(1) == b"?"
        mma("--cgroup", docker, "--no-repair", "--netns", f"/run/netns/{net.client}", check=True)
        assert send_socket(libpq, (to, 5432), 5000, family, **place) == "setsockopt 18 failed: ENOPROTOOPT"


def test_in_force(docker, net):
    """The peer is cut off: the connection with the timeout ends because of it, the other one lives
    on."""
    place = {"cgroup": docker, "netns": net.client, "uid": NOBODY}
    with listen(5432, proto=MPTCP, netns=net.server) as listener:
        with send_socket(libpq, ("192.0.2.1", 5432), 3000, **place) as sock, listener.accept()[0], \
                connect("192.0.2.1", 5432, proto=0, cgroup=docker, netns=net.client) as other, listener.accept()[0]:
            run(["nft", "-f", "-"], stdin="table ip cut { chain in { type filter hook prerouting priority -500; drop; }; }",
                netns=net.server)
            start = time.monotonic()
            sock.setblocking(True)
            sock.settimeout(60)
            sock.send(b"?")
            other.send(b"?")
            with pytest.raises(OSError) as end:
                sock.recv(1)
            took = time.monotonic() - start
            assert end.value.errno == errno.ETIMEDOUT, end.value
            assert 2.9 < took < 15, took
            assert other.getsockopt(SOL_SOCKET, socket.SO_ERROR) == 0
            other.send(b"?")


def test_syncnt_in_force(docker, net):
    """One retransmit of the SYN takes 3 s; the kernel's default number takes two minutes."""
    run(["nft", "-f", "-"], stdin="table ip cut { chain in { type filter hook prerouting priority -500; drop; }; }",
        netns=net.server)
    with make_socket(cgroup=docker, netns=net.client) as sock:
        assert put(sock, TCP, TCP_SYNCNT, 1) == "done"
        start = time.monotonic()
        sock.settimeout(60)
        with pytest.raises(OSError) as end:
            sock.connect(("192.0.2.1", 5432))
        assert end.value.errno == errno.ETIMEDOUT and time.monotonic() - start < 20


def talk(sock, listener):
    server, _ = listener.accept()
    with server:
        server.settimeout(20)
        sock.sendall(b"?")
        assert server.recv(1) == b"?"
        server.sendall(b"!")
        assert sock.recv(1) == b"!"
        return is_mptcp(sock), is_mptcp(server)


@pytest.mark.parametrize("options, mptcp", [
    ({}, True), ({TCP_SYNCNT: 3}, True), ({TCP_USER_TIMEOUT: 0}, True), ({TCP_USER_TIMEOUT: 5000}, False),
    ({TCP_USER_TIMEOUT: 2**31 - 1, TCP_SYNCNT: 127}, False)])
@pytest.mark.parametrize("family", [V4, V6])
def test_on_the_list(cgroup, options, mptcp, family):
    """A connection with a timeout set is TCP, because MPTCP would not apply the timeout."""
    attach(cgroup, "--port", str(LISTED))
    with listen(LISTED, family=family, proto=MPTCP) as listener, make_socket(family, cgroup=cgroup) as sock:
        for option, value in options.items():
            assert put(sock, TCP, option, value) == "done"
            assert get(sock, TCP, option, 4) == number(value)
        before = counters(cgroup)["stripped_syn"]
        sock.settimeout(20)
        sock.connect(address(family, LISTED))
        assert talk(sock, listener) == (mptcp, mptcp)
        assert counters(cgroup)["stripped_syn"] - before == (not mptcp)
        for option, value in options.items():
            assert get(sock, TCP, option, 4) == ("EOPNOTSUPP" if mptcp else number(value))


def test_fast_open(cgroup):
    """send() sends the SYN together with the data; the options are handed over then."""
    attach(cgroup, "--port", str(LISTED))
    sysctl("net.ipv4.tcp_fastopen", 0x603)
    try:
        for _ in range(2):  # the first one at most asks for the cookie
            with listen(LISTED, proto=MPTCP) as listener, make_socket(cgroup=cgroup) as sock:
                listener.setsockopt(TCP, socket.TCP_FASTOPEN, 5)
                assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "done"
                assert sock.sendto(b"?", 0x20000000, ("127.0.0.1", LISTED)) == 1  # MSG_FASTOPEN
                server, _ = listener.accept()
                with server:
                    assert server.recv(1) == b"?"
                    assert not is_mptcp(sock) and not is_mptcp(server)
                    assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(5000)
    finally:
        sysctl("net.ipv4.tcp_fastopen", 1)


def test_second_attempt(group):
    """The first connect is refused; the same socket tries again, with another value."""
    with listen(0, proto=TCP) as listener, make_socket(cgroup=group) as sock:
        to = listener.getsockname()
        assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "done"
        with pytest.raises(ConnectionRefusedError):
            sock.connect(("127.0.0.1", OFF_LIST))
        assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(5000)
        sock.connect(("127.0.0.1", to[1]))
        assert talk(sock, listener) == (False, False)
        assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(5000)


def test_too_late(group):
    """Once a socket speaks MPTCP or is bound, the kernel's answer stays."""
    mma("--allow", f"{LISTED}/connect", check=True)
    with listen(LISTED, proto=MPTCP) as listener, make_socket(cgroup=group) as sock, make_socket(cgroup=group) as bound:
        sock.settimeout(20)
        sock.connect(("127.0.0.1", LISTED))
        assert talk(sock, listener) == (True, True)
        assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "ENOPROTOOPT"
        bound.bind(("127.0.0.1", 0))
        assert put(bound, TCP, TCP_USER_TIMEOUT, 5000) == "ENOPROTOOPT"


def test_upgrade_of_the_tool_in_between(group):
    """The new programs find what the old ones kept."""
    with listen(0, proto=TCP) as listener, make_socket(cgroup=group) as sock:
        assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "done"
        with Map("meta") as meta:
            meta[0] = (*meta.get(0)[:6], "another build")
        mma("--refresh", check=True)
        sock.settimeout(20)
        sock.connect(listener.getsockname())
        assert talk(sock, listener) == (False, False)
        assert get(sock, TCP, TCP_USER_TIMEOUT, 4) == number(5000)


def test_where_strip_is_not(group):
    """A program's own MPTCP socket in a namespace that is not covered: nothing would keep it
    TCP."""
    def own():
        unshare(CLONE_NEWNET)
        with socket.socket(proto=MPTCP) as sock:
            return put(sock, TCP, TCP_USER_TIMEOUT, 5000)

    assert inside(own, cgroup=group) == "ENOPROTOOPT"
    with make_socket(proto=MPTCP, cgroup=group) as sock:
        assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "done"


def test_each_link_missing(group):
    """--status says so, and the next run restores it."""
    for name in ("get", "set", "connect4", "connect6"):
        os.unlink(f"/sys/fs/bpf/mptcp-mail/links/repair-{name}-{group.id}")
        assert service(group)["repair"] == "missing"
        mma("--refresh", check=True)
        assert service(group)["repair"] == "on"


# Sockets that are not MPTCP

FLOWLABEL_MGR = 32


def own_flow_label(sock):
    """IPV6_FLOWLABEL_MGR, GET: the kernel writes the label into the caller's buffer."""
    request = bytearray(struct.pack("=16sIBBHHHI", bytes(15) + b"\1", 0, 0, 1, 1, 0, 0, 0))
    room = (ctypes.c_char * len(request)).from_buffer(request)
    assert libc.setsockopt(sock.fileno(), SOL_IPV6, FLOWLABEL_MGR, room, len(request)) == 0
    return struct.unpack_from("=I", request, 16)[0]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_flow_label(cgroup, kind):
    """On sockets that are not MPTCP."""
    with make_socket(V6, kind, cgroup=cgroup) as sock:
        attach(cgroup, "--port", "25/listen")
        assert service(cgroup)["repair"] == "on"
        assert own_flow_label(sock) != 0


PROGRAMS = "/sys/fs/bpf/sockopt"


@pytest.mark.parametrize("where", ["above", "here", "below"])
@pytest.mark.parametrize("first", [True, False])
def test_another_program(cgroup, where, first):
    """The other program sees the caller's value, whether it runs before ours or after, and the
    kernel gets what the other program makes of it."""
    group = cgroup.child("service")
    theirs = {"above": cgroup, "here": group, "below": group.child("below")}[where]
    place = theirs if where == "below" else group
    run(["bpftool", "prog", "loadall", f"{HERE}/sockopt.bpf.o", PROGRAMS])

    def others():
        run(["bpftool", "cgroup", "attach", theirs.dir, "cgroup_setsockopt", "pinned", f"{PROGRAMS}/other_set", "multi"])
    try:
        if first:
            others()
        attach(group, "--port", "25/listen")
        if not first:
            others()
        for proto in (TCP, MPTCP):
            with make_socket(proto=proto, cgroup=place) as sock:
                assert put(sock, SOL_SOCKET, socket.SO_PRIORITY, 5) == "done"
                assert get(sock, SOL_SOCKET, socket.SO_PRIORITY, 4) == number(6), "theirs"
                assert put(sock, SOL_SOCKET, socket.SO_PRIORITY, 4) == "done"
                assert get(sock, SOL_SOCKET, socket.SO_PRIORITY, 4) == number(4)
        with make_socket(cgroup=place) as sock:
            assert put(sock, TCP, TCP_USER_TIMEOUT, 5000) == "done"
    finally:
        run(["rm", "-rf", PROGRAMS])
