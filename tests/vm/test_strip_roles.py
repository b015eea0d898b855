# SPDX-License-Identifier: GPL-2.0-only
"""The meaning of the list: roles, ranges, names, denial, key 0, and edits while connections are
open."""

import contextlib
import os
import socket
import struct

import pytest

import mma
import wire
from mma import MPTCP, map_dict, port_key

LISTEN, CONNECT, BOTH, NONE = 1, 2, 3, 0
FRESH = 7100  # never on a list


@pytest.fixture
def makers(cgroup):
    """Makers of sockets inside the service and outside."""
    pair = wire.Maker(cgroup=cgroup), wire.Maker()
    yield pair
    for maker in pair:
        maker.stop()


def roles_of(makers, port):
    """The roles in which the service speaks MPTCP on a port, by trying both."""
    inside, outside = makers
    found = NONE
    for role, listens, connects in ((LISTEN, inside, outside), (CONNECT, outside, inside)):
        listener = listens.socket(proto=0 if listens is inside else MPTCP)
        with mma._listen(listener, port):
            client = connects.socket(proto=0 if connects is inside else MPTCP)
            got = mma.try_connection(listener, client)
        assert got.client == got.server
        found |= role if got.client else NONE
    return found


def bpftool(*args):
    mma.run(["bpftool", "map", *args[:1], "pinned", f"{mma.PINS}/ports", *args[1:]])


@pytest.fixture
def smtp_has_a_name():
    name = "/etc/services"
    before = open(name).read() if os.path.exists(name) else None
    with open(name, "w") as f:
        f.write("smtp\t\t25/tcp\tmail\nimaps\t\t993/tcp\n")
    yield
    if before is None:
        os.unlink(name)
    else:
        with open(name, "w") as f:
            f.write(before)


# (arguments or a function; {port: roles} from then on)
STEPS = [
    (["--port", "7001,7002/listen", "--port", "7003/connect,7010-7012/listen,smtp,imaps/listen"],
     {7001: BOTH, 7002: LISTEN, 7003: CONNECT, 7009: NONE, 7010: LISTEN, 7011: LISTEN, 7012: LISTEN, 7013: NONE,
      25: BOTH, 993: LISTEN, 995: NONE}),
    (["--deny", "7001/connect"], {7001: LISTEN}),
    (["--port", "7001,7002"], {7001: LISTEN, 7002: BOTH}),  # a denial lasts
    (["--deny", "7011"], {7011: NONE}),
    (["--port", "7010-7012"], {7010: BOTH, 7011: NONE, 7012: BOTH}),
    (["--allow", "7001/connect,7011/listen"], {7001: BOTH, 7011: LISTEN}),
    (["--port", "7011"], {7011: LISTEN}),  # the other role stays denied
    (["--deny", "7003/listen"], {7003: CONNECT}),
    (["--port", "7003"], {7003: CONNECT}),
    (["--allow", "all"], {FRESH: BOTH, 7011: LISTEN, 7003: CONNECT, 7001: BOTH}),  # a port's own entry wins
    (["--deny", "all/connect"], {FRESH: LISTEN, 7001: BOTH}),
    (["--port", "all"], {FRESH: LISTEN}),
    (["--deny", "all"], {FRESH: NONE, 7001: BOTH}),
    (["--port", "all"], {FRESH: NONE}),
    (lambda: bpftool("update", "key", *port_key(25), "value", "1"), {25: LISTEN}),
    (lambda: bpftool("update", "key", *port_key(587), "value", "0xf2"), {587: CONNECT}),  # other bits are ignored
    (lambda: bpftool("delete", "key", *port_key(25)), {25: NONE}),
    (lambda: bpftool("update", "key", *port_key(0), "value", "3"), {FRESH: BOTH, 25: BOTH}),
    (lambda: bpftool("delete", "key", *port_key(0)), {FRESH: NONE, 25: NONE, 7001: BOTH}),
]


def test_lists(makers, cgroup, smtp_has_a_name):
    wrong = []
    for i, (step, expected) in enumerate(STEPS):
        if callable(step):
            step()
        elif step[0] == "--port":
            mma.attach(cgroup, *step)
        else:
            mma.mma(*step, check=True)
        got = {port: roles_of(makers, port) for port in expected}
        if got != expected:
            wrong.append(f"step {i}, {step}: {got} instead of {expected}; {map_dict('ports')}")
    assert not wrong, "\n".join(wrong)


def test_default_list(makers, cgroup):
    """Only incoming connections."""
    mma.attach(cgroup)
    for port in (25, 465, 587, 110, 995, 143, 993):
        assert roles_of(makers, port) == LISTEN, port
    assert roles_of(makers, 80) == NONE


def open_connection(stack, listener, client):
    client = stack.enter_context(client)
    client.settimeout(20)
    client.connect(("127.0.0.1", listener.getsockname()[1]))
    return client, stack.enter_context(listener.accept()[0])


def sent_and_received(sock):
    """mptcpi_bytes_sent and mptcpi_bytes_received of MPTCP_INFO, which older kernels lack."""
    return struct.unpack_from("=QQ", sock.getsockopt(mma.SOL_MPTCP, mma.MPTCP_INFO, 256), 64)


def test_edit_with_bpftool_flips_the_next_connection_and_no_open_one(makers, cgroup):
    inside, outside = makers
    mma.attach(cgroup, "--port", "25")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(mma._listen(inside.socket(), 25))

        def connect():
            return open_connection(stack, listener, outside.socket(proto=MPTCP))
        speaking = connect()
        assert all(map(mma.is_mptcp, speaking))
        bpftool("update", "key", *port_key(25), "value", "0")
        plain = connect()
        assert not any(map(mma.is_mptcp, plain))
        for value in ("3", "0", "2", "1"):
            bpftool("update", "key", *port_key(25), "value", value)
            assert any(map(mma.is_mptcp, connect())) == bool(int(value) & LISTEN)
            for pair, expected in ((speaking, True), (plain, False)):
                before = sent_and_received(pair[0]) if expected else None
                for a, b in (pair, pair[::-1]):
                    a.sendall(b"x" * 1000)
                    assert len(b.recv(1000, socket.MSG_WAITALL)) == 1000
                assert [mma.is_mptcp(end) for end in pair] == [expected] * 2
                if before:
                    mma.wait_until(lambda: tuple(n + 1000 for n in before) == sent_and_received(pair[0]),
                                   "the kernel counts the bytes as MPTCP's", 5)
