# SPDX-License-Identifier: GPL-2.0-only
"""A session whose last path is reset, by `ss -K`, a ban or a client that is gone: TCP's ends at
once; MPTCP's waits for another path, net.mptcp.close_timeout. So the README says, and --check."""

import time

import pytest

from mma import attach, connect, is_mptcp, listen, run, sysctl

ON, OFF, WAIT = 7001, 7002, 4


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
    """Of an attached server: the connection lives on, and the next server binds the same port."""
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
        for conn in conns:  # ours first: TIME_WAIT is here
            conn.close()
        listen(ON, cgroup=cgroup, netns=net.server).close()
    finally:
        for conn in conns:
            conn.close()


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
