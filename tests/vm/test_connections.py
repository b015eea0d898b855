# SPDX-License-Identifier: GPL-2.0-only
"""--connections compared with what both ends of each connection know."""

import contextlib
import json
import re
import socket

import pytest

import mma as tool
from check_cases import counter_says
from connection_world import World, connections, exchange, text
from mma import MPTCP, TCP, Cgroup, attach, connect, mma, netns_cookie, run, sysctl, wait_until


@pytest.fixture
def world(cgroup):
    with contextlib.ExitStack() as stack:
        yield World(stack, cgroup)


def why(connection):
    return connection["why"] and connection["why"]["code"]


def test_paths_and_bytes(cgroup):
    """The connection's bytes are those that were sent, and those of its paths add up to them. Each
    path has its own link."""
    with contextlib.ExitStack() as stack:
        world = World(stack, cgroup, 3)
        for paths in (1, 2, 3):
            if paths > 1:
                world.net.announce(paths - 1)
            client, server = world.connect()
            look_at_paths(world, client, server, paths)
            client.close()
            assert server.recv(1) == b""
            server.close()
            wait_until(lambda: not connections(), "it has ended")


def look_at_paths(world, client, server, paths):
    exchange(client, server, 1, 1)  # a peer answers an announcement only after that
    world.settled(client, paths)
    exchange(client, server)
    found = wait_until(lambda: (c := world.settled(client, paths)) and sum(p["bytes_in"] for p in c["paths"]) >= 100_001 and c,
                       "what was sent has been counted")
    assert (found["service"], found["port"], found["role"], found["result"]) == (world.cgroup.path, 143, "listen", "mptcp")
    assert found["netns"] == netns_cookie(world.net.server)
    assert found["peer"] == dict(zip(("addr", "port"), client.getsockname()))
    assert (found["bytes_in"], found["bytes_out"]) == (100_001, 250_001)
    # Data sent on two paths counts on both: the kernel resends on another path when one seems
    # lost.
    assert sum(p["bytes_in"] for p in found["paths"]) >= 100_001
    assert 250_001 <= sum(p["bytes_out"] for p in found["paths"]) <= 500_000
    assert [p["interface"] for p in found["paths"]] == [f"s{i}" for i in range(paths)]
    assert [p["local"]["addr"] for p in found["paths"]] == ["192.0.2.1", "10.0.1.1", "10.0.2.1"][:paths]
    assert [p["remote"]["addr"] for p in found["paths"]] == ["192.0.2.2", "10.0.1.2", "10.0.2.2"][:paths]
    assert found["paths"][0]["remote"]["port"] == client.getsockname()[1]
    assert all(0 < p["rtt_us"] < 10_000_000 and not p["backup"] and not p["stalled"] for p in found["paths"])
    assert why(found) == (None if paths > 1 else "no_endpoint")
    shown = text()
    assert f"MPTCP, {paths} path" in shown and world.cgroup.path in shown
    assert re.search(rf"^  1 by MPTCP, {int(paths > 1)} of them by more than one path; 0 fell back; 0 TCP$", shown, re.M)


def sent_again(world):
    """How often MPTCP itself resent data, at both ends. It takes a path for lost that is slow to
    acknowledge."""
    return sum(int(run(["nstat", "-asz", "MPTcpExtMPTCPRetrans"], netns=name).out.split()[-2])
               for name in (world.net.server, world.net.client))


def test_one_path_as_bytes_go(world):
    """With a single path its numbers are exact, provided that nothing was resent."""
    client, server = world.connect()
    exchange(client, server)
    found = world.settled(client, 1)
    path, = found["paths"]
    assert (found["bytes_in"], found["bytes_out"]) == (100_000, 250_000)
    if sent_again(world):
        assert 100_000 <= path["bytes_in"] <= 200_000 and 250_000 <= path["bytes_out"] <= 500_000
    else:
        assert (path["bytes_in"], path["bytes_out"]) == (100_000, 250_000)


def drop(netns, chain):
    """Drops packets in this chain until the returned function is called."""
    run(["nft", "-f", "-"], netns=netns, stdin=f"table inet t {{ chain c {{ type filter {chain} }}; }}")
    return lambda: run(["nft", "delete", "table", "inet", "t"], netns=netns)


def test_why_a_server_has_one_path(world):
    net = world.net

    def is_why(code):
        client, server = world.connect()
        with client, server:
            exchange(client, server, 1, 1)
            wait_until(lambda: why(world.settled(client, 1)) == code, code)
            assert "MPTCP, 1 path\n" in text()

    is_why("no_endpoint")
    net.limits(0, 0)
    is_why("limit")
    net.limits()
    net.announce()
    net.ip(net.client, "mptcp limits set subflows 4 add_addr_accepted 0")
    is_why("peer_adds_none")
    net.limits()
    world.listener.close()
    world.listener = world.listen(143, "192.0.2.1")
    is_why("no_listener")
    world.listener.close()
    world.listener = world.listen(143)
    end = drop(net.server, "hook output priority 0; ip saddr 10.0.1.1 tcp sport 143 drop;")
    is_why("join_failed")
    end()
    sysctl("net.mptcp.pm_type", 1, net.server)
    is_why("user_space")


def test_why_a_client_has_one_path(world):
    net = world.net
    far = world.listen(26, cgroup=None, netns=net.client, proto=MPTCP)

    def is_why(code):
        with connect("192.0.2.2", 26, proto=0, cgroup=world.cgroup, netns=net.server) as near, far.accept()[0] as server:
            exchange(near, server, 1, 1)

            def only():
                found = next(c for c in connections() if c["paths"][0]["local"]["port"] == near.getsockname()[1])
                assert (found["role"], found["port"], found["result"]) == ("connect", 26, "mptcp")
                return len(found["paths"]) == 1 and why(found) == code
            wait_until(only, code)

    is_why("peer_announces_none")
    net.limits(0, 0)
    is_why("limit")
    net.limits(4, 0)
    is_why("accepts_none")
    net.ip(net.server, "mptcp endpoint add 10.0.1.1 subflow")
    drop(net.client, "hook input priority 0; ip saddr 10.0.1.1 tcp dport 26 reject with tcp reset;")
    is_why("join_failed")


def test_what_is_not_mptcp(world):
    """As the kernel reports it: a TCP socket that an MPTCP listener accepted, and an MPTCP socket
    that fell back. Others are not listed: sockets of another cgroup, of a TCP listener, and the
    service's own plain TCP sockets."""
    off = world.listen(80)
    far = world.listen(25, cgroup=None, netns=world.net.client)
    plain, _ = world.connect(proto=TCP)
    asked, _ = world.connect(80, off)
    fell_back = world.stack.enter_context(connect("192.0.2.2", 25, proto=0, cgroup=world.cgroup, netns=world.net.server))
    fell_back.sendall(b"x")
    denied, _ = far.accept()
    world.stack.enter_context(denied)
    stranger = world.listen(8143, cgroup=None, proto=MPTCP)
    world.connect(8143, stranger)
    own = world.listen(8025, cgroup=None)
    sysctl("net.mptcp.enabled", 0, world.net.server)
    kept = world.listen(8080)
    world.stack.enter_context(connect("192.0.2.1", 8025, proto=0, cgroup=world.cgroup, netns=world.net.server))
    sysctl("net.mptcp.enabled", 1, world.net.server)
    assert tool.so_protocol(kept) == TCP and own
    world.connect(8080, kept)
    found = {(c["port"], c["role"]): c for c in connections()}
    assert set(found) == {(143, "listen"), (80, "listen"), (25, "connect")}
    one = found[143, "listen"]
    assert (one["result"], why(one), one["peer"]["port"]) == ("tcp", "not_asked", plain.getsockname()[1])
    assert [(p["interface"], p["local"]["port"]) for p in one["paths"]] == [("s0", 143)]
    assert (found[80, "listen"]["result"], why(found[80, "listen"])) == ("tcp", "off_list")
    assert found[80, "listen"]["peer"]["port"] == asked.getsockname()[1]
    one = found[25, "connect"]
    assert (one["result"], one["paths"][0]["bytes_out"]) == ("fell_back", 1)
    assert why(one) == "off_list"  # 25 may only listen
    mma("--allow", "25/connect", check=True)
    again = world.stack.enter_context(connect("192.0.2.2", 25, proto=0, cgroup=world.cgroup, netns=world.net.server))
    world.stack.enter_context(far.accept()[0])
    one = next(c for c in connections() if c["paths"][0]["local"]["port"] == again.getsockname()[1])
    assert (one["result"], why(one)) == ("fell_back", "fell_back")
    assert "0 by MPTCP, 0 of them by more than one path; 2 fell back; 2 TCP" in text()


def test_the_kernels_table_is_full(world, tmp_path):
    """The kernel counts that, but not which connection it hit."""
    world.connect(proto=TCP)
    full = counter_says(tmp_path, "MPFallbackTokenInit", 7)
    found, = connections(prepare=full)
    assert why(found) == "not_asked" and found["why"]["text"].endswith("connections was full, as 7 times so far")
    assert {n["table_full"] for n in json.loads(mma("--status", "--json", check=True, prepare=full).out)["netns"]} == {7}
    assert "7 connections stayed TCP" in mma("--status", check=True, prepare=full).out
    assert {n["table_full"] for n in tool.status()["netns"]} == {0}
    assert "was full" not in text() + mma("--status", check=True).out


def test_a_path_is_lost(world):
    """The link drops everything: the path stalls, and data takes the other path. Then the endpoint
    is removed, and the path with it."""
    world.net.announce()
    client, server = world.connect()
    exchange(client, server, 1, 1)
    world.settled(client, 2)
    for name, dev in ((world.net.server, "s0"), (world.net.client, "c0")):
        run(["nft", "-f", "-"], netns=name, stdin=f"table netdev t {{ chain i {{ type filter hook ingress device {dev} "
            "priority 0; drop; }; }")
    exchange(client, server, 1000, 100_000)

    def stalled():
        exchange(client, server, 10, 1000)
        found = world.found(client)
        return [p["stalled"] for p in found["paths"]] == [True, False] and found
    found = wait_until(stalled, "the first path stalls", 60)
    assert found["paths"][0]["retransmits"] > 1 and "stalled" in text()
    for name in (world.net.server, world.net.client):
        run(["nft", "delete", "table", "netdev", "t"], netns=name)
    world.net.ip(world.net.server, "mptcp endpoint flush")
    assert [p["interface"] for p in world.settled(client, 1)["paths"]] == ["s0"]


def test_backup(world):
    world.net.announce()
    client, server = world.connect()
    exchange(client, server, 1, 1)
    found = world.settled(client, 2)
    assert [p["backup"] for p in found["paths"]] == [False, False]
    world.net.ip(world.net.server, "mptcp endpoint change id 1 backup")
    wait_until(lambda: [p["backup"] for p in world.found(client)["paths"]] == [False, True], "the second is a backup")
    assert re.search(r"ms backup$|us backup$", text(), re.M)


def test_the_last_path_is_gone(world):
    """A client that vanishes with a reset leaves a connection without paths."""
    sysctl("net.mptcp.close_timeout", 30, world.net.server)
    client, server = world.connect()
    exchange(client, server, 1, 1)
    run(["ss", "-K", "-t", "sport", "=", "143", "and", "dst", "192.0.2.2"], netns=world.net.server)
    found = wait_until(lambda: (c := world.found(client))["paths"] == [] and c, "the path is gone")
    assert why(found) == "no_path" and "30 s" in found["why"]["text"]
    assert "MPTCP, 0 paths" in text()


def test_whose_they_are(world):
    """With nested services the nearest one; a cgroup below a service belongs to it; --cgroup shows
    only one."""
    child = world.cgroup.child("inner.service")
    below = child.child("worker")
    attach(child)
    listener = world.listen(25, cgroup=below)
    world.connect()
    world.connect(25, listener)
    assert {c["service"]: c["port"] for c in connections()} == {world.cgroup.path: 143, child.path: 25}
    assert {c["port"] for c in connections("--cgroup", child)} == {25}
    assert {c["port"] for c in connections("--cgroup", below)} == {25}
    assert {c["port"] for c in connections("--cgroup", world.cgroup)} == {25, 143}
    other = Cgroup()
    refused = mma("--connections", "--cgroup", other)
    other.remove()
    assert refused.rc == 1 and refused.err == f"mptcp-mail-attach: {other}: not attached; see --status for what is\n"


def test_a_path_to_a_listener_of_the_kernels_own(world):
    """An endpoint with a port: connections to it belong to the service, too."""
    world.listener.close()
    world.listener = world.listen(143, "192.0.2.1")
    world.net.ip(world.net.server, "mptcp endpoint add 10.0.1.1 dev s1 signal port 10143")
    client, server = world.connect()
    exchange(client, server, 1, 1)
    found = world.settled(client, 2)
    assert found["paths"][1]["local"] == {"addr": "10.0.1.1", "port": 10143} and found["service"] == world.cgroup.path


def test_nothing_to_show(cgroup):
    assert text() == "nothing is attached\n" and connections() == []
    attach(cgroup)
    assert text() == "no live connection\n" and connections() == []


def test_long_addresses(world):
    """Both addresses have full length, and no line exceeds 79 columns."""
    addresses = {"server": "2001:db8:1234:5678:9abc:def0:1234:5678", "client": "2001:db8:1234:5678:9abc:def0:1234:5679"}
    for side, dev in (("server", "s0"), ("client", "c0")):
        world.net.ip(getattr(world.net, side), f"addr add {addresses[side]}/64 dev {dev} nodad")
    listener = world.listen(25, "::", family=socket.AF_INET6)
    client, server = world.connect(25, listener, addresses["server"], family=socket.AF_INET6)
    exchange(client, server)
    found = world.settled(client, 1)
    assert found["paths"][0]["local"] == {"addr": addresses["server"], "port": 25}
    assert f"[{addresses['server']}]:25" in text() and re.search(r" 1\d\dk +[2-4]\d\dk ", text())
    mapped, _ = world.connect(25, listener)
    assert world.settled(mapped, 1)["peer"]["addr"] == "192.0.2.2"
