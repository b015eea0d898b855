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
