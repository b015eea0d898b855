# SPDX-License-Identifier: GPL-2.0-only
"""A session whose last path is reset, by `ss -K`, a ban or a client that is gone. With TCP it ends
at once. With MPTCP it waits for another path, for net.mptcp.close_timeout. The README and --check
say so."""

import time

import pytest

from mma import MPTCP_INFO, SOL_MPTCP, attach, connect, is_mptcp, listen, run, sysctl, wait_until
from two_links import Links

ON, OFF, WAIT = 7001, 7002, 4


def resets(netns):
    """How many resets the namespace has sent."""
    return int(run(["nstat", "-asz", "TcpOutRsts"], netns=netns).out.split("TcpOutRsts")[1].split()[0])


def further_paths(conn):
    return conn.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)[0]


def seconds_until_it_ends(conn):
    begin = time.monotonic()
    conn.settimeout(40)
    try:
        assert conn.recv(1) == b""
    except TimeoutError:
        raise
    except OSError:
        pass
    return time.monotonic() - begin


def test_restart_while_a_connection_is_open(cgroup, net):
    """An attached server restarts: the connection lives on, and the next server binds the same
    port."""
    attach(cgroup, "--port", ON, "--netns", f"/run/netns/{net.server}")
    conns = []
    try:
        for _ in range(3):
            with listen(ON, cgroup=cgroup, netns=net.server) as listener:
                client = connect(net.V4["server"], ON, netns=net.client)
                conns += [client, listener.accept()[0]]
                client.sendall(b"?")
                assert conns[-1].recv(1) == b"?" and is_mptcp(conns[-1])
        for client, server in zip(conns[::2], conns[1::2]):
            server.sendall(b"!")
            assert client.recv(1) == b"!"
        for conn in conns:  # ours first, so that TIME_WAIT is here
            conn.close()
        listen(ON, cgroup=cgroup, netns=net.server).close()
    finally:
        for conn in conns:
            conn.close()


def test_no_path_joins_while_nobody_listens(cgroup):
    """As while a server restarts: a session continues on its existing paths, and new ones join
    once somebody listens."""
    net = Links()
    try:
        attach(cgroup, "--port", ON, "--netns", f"/run/netns/{net.server}")
        with listen(ON, cgroup=cgroup, netns=net.server) as listener:
            client = connect(net.V4["server"], ON, netns=net.client)
            server = listener.accept()[0]

        def talk():
            for one, other in ((client, server), (server, client)):
                one.sendall(b"?")
                assert other.recv(1) == b"?"
        with client, server:
            server.settimeout(20)
            for _ in range(5):
                talk()
            before = resets(net.server)
            net.announce()
            wait_until(lambda: resets(net.server) > before, "the path is refused")
            talk()
            assert further_paths(server) == 0
            with listen(ON, cgroup=cgroup, netns=net.server):
                net.ip(net.server, "mptcp endpoint flush")
                net.announce()
                wait_until(lambda: further_paths(server) == 1, "a path joins")
            talk()
            assert is_mptcp(client) and is_mptcp(server)
    finally:
        net.remove()


@pytest.mark.parametrize("side", ["server", "client"], ids=["killed here", "reset by the client"])
def test_session_whose_last_path_is_reset(cgroup, net, side):
    attach(cgroup, "--port", ON, "--netns", f"/run/netns/{net.server}")
    for name in (net.server, net.client):
        sysctl("net.mptcp.close_timeout", WAIT, name)
    for port in (OFF, ON):
        with listen(port, cgroup=cgroup, netns=net.server) as listener, \
                connect(net.V4["server"], port, netns=net.client) as client, listener.accept()[0] as conn:
            client.sendall(b"?")
            assert conn.recv(1) == b"?" and is_mptcp(conn) == (port == ON)
            run(["ss", "-K", "-t", "-n", "state", "established", f"sport", "=", f":{port}", "or", "dport", "=", f":{port}"],
                netns=net.server if side == "server" else net.client)
            took = seconds_until_it_ends(conn)
            print(f"{'MPTCP' if port == ON else 'TCP'}: {took:.1f} s")
            assert took < WAIT / 2 if port == OFF else WAIT - 1 < took < WAIT + 4, took
