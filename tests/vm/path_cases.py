# SPDX-License-Identifier: GPL-2.0-only
"""--check names the reason why no second path comes up, and the command that it prints fixes it
when run unchanged. The cases run natively (tests/system) and in guests: they need no attach."""

import contextlib
import json
import os
import re
import socket

import pytest

from audit_cases import service  # noqa: F401 (a fixture)
from mma import HERE, MPTCP, MPTCP_INFO, SOL_MPTCP, Cgroup, check, is_mptcp, listen, make_socket, resident, run, sysctl, wait_until
from two_links import Links

NEAR, FAR = "192.0.2.2", "198.51.100.2"  # the client's: on the first link, and behind both


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


class Connection:
    """The client's connection to the server's first address; closed at the end."""

    def __init__(self, listener, client, source, to="192.0.2.1"):
        self.client = client
        client.bind((source, 0))
        client.settimeout(20)
        client.connect((to, 143))
        self.server, _ = listener.accept()
        self.server.settimeout(20)
        for _ in range(5):
            for one, other in ((client, self.server), (self.server, client)):
                one.sendall(b"?")
                assert other.recv(1) == b"?"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()

    def paths(self):
        """The established paths, as the server's kernel counts them."""
        assert is_mptcp(self.server)
        return 1 + self.server.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)[0]


class World:
    """A service in a namespace with two uplinks. The client is on both links, and has another
    address behind both. At first everything works: the server announces its second address, and
    packets from that address leave by its link."""

    def __init__(self, stack, cgroup):
        self.cgroup, self.net = cgroup, Links()
        stack.callback(self.net.remove)
        stack.enter_context(resident(cgroup=cgroup, netns=self.net.server))
        self.listener = None
        self.listen()
        stack.callback(lambda: self.listener.close())
        self.server("route add default via 192.0.2.2")
        self.server("route add default via 10.0.1.2 metric 200")
        self.server("rule add from 10.0.1.1 table 99")
        self.server("route add default via 10.0.1.2 dev s1 table 99")
        self.client("link set lo up", f"addr add {FAR}/32 dev lo")
        self.announce()

    def announce(self):
        self.server("mptcp endpoint flush", "mptcp endpoint add 10.0.1.1 dev s1 signal")

    def listen(self, addr="", family=socket.AF_INET):
        if self.listener:
            self.listener.close()
        self.listener = listen(143, addr, family, proto=MPTCP, cgroup=self.cgroup, netns=self.net.server)

    def server(self, *lines):
        for line in lines:
            self.net.ip(self.net.server, line)

    def client(self, *lines):
        for line in lines:
            self.net.ip(self.net.client, line)

    def named(self):
        """{cause: remedy}"""
        _, lines = check("--cgroup", self.cgroup)
        return {name: remedy for name, (result, _, remedy) in lines.items()
                if name.startswith("path") and result != "ok"}

    def connection(self, source):
        return Connection(self.listener, make_socket(proto=MPTCP, netns=self.net.client), source)

    def has_a_second_path(self, source=NEAR):
        with self.connection(source) as connection:
            wait_until(lambda: connection.paths() == 2, "a second path")

    def mended(self, cause, source=NEAR):
        """There is one path without the command, and two with it."""
        remedies = self.named()
        assert cause in remedies, remedies
        with self.connection(source) as connection:
            assert connection.paths() == 1
        command = remedies[cause].split(": ")[-1]
        run(["sh", "-e", "-c", command], netns=self.net.server)
        assert cause not in self.named(), command
        self.has_a_second_path(source)


@pytest.fixture
def world(service):
    with contextlib.ExitStack() as stack:
        yield World(stack, service)


def test_all_is_well(world):
    assert world.named() == {}
    world.has_a_second_path()


def test_limits_and_endpoints(world):
    world.server("mptcp limits set subflows 0")
    assert set(world.named()) == {"paths"}
    world.mended("paths")
    world.server("mptcp endpoint flush")
    assert world.named() == {"paths": "announce it: ip mptcp endpoint add 10.0.1.1 dev s1 signal"}
    world.mended("paths")
    world.server("mptcp endpoint flush", "mptcp endpoint add 192.0.2.1 dev s0 signal")
    assert set(world.named()) == {"path_endpoint"}
    world.mended("path_endpoint")
    assert world.named() == {}


def test_an_address_that_is_down(world):
    world.server("link set s1 down")
    assert set(world.named()) == {"path_address"}
    world.mended("path_address")
    world.server("mptcp endpoint add 203.0.113.1 subflow")
    assert world.named()["path_address"].startswith("ip mptcp endpoint delete id ")
    run(["sh", "-e", "-c", world.named()["path_address"]], netns=world.net.server)
    assert "path_address" not in world.named()


def test_a_server_that_listens_at_one_address(world):
    world.listen("192.0.2.1")
    assert set(world.named()) == {"path_listener"}
    world.mended("path_listener")
    world.listen()
    world.announce()
    assert world.named() == {}


def test_an_ipv6_path_to_a_server_that_has_ipv4_alone(world):
    """A client with an IPv6 socket makes the second path once the server has IPv6."""
    world.server("mptcp endpoint flush", "addr add 2001:db8:1::1/64 dev s1 nodad", "mptcp endpoint add 2001:db8:1::1 dev s1 signal")
    world.client("addr add 2001:db8:1::2/64 dev c1 nodad")
    assert set(world.named()) == {"path_family"} and "by IPv6" in world.named()["path_family"]

    def connection():
        client = make_socket(socket.AF_INET6, proto=MPTCP, netns=world.net.client)
        return Connection(world.listener, client, f"::ffff:{NEAR}", "::ffff:192.0.2.1")
    with connection() as one:
        assert one.paths() == 1
    world.listen("::", socket.AF_INET6)
    assert world.named() == {}
    with connection() as one:
        wait_until(lambda: one.paths() == 2, "a second path")


def test_mptcp_is_off(world):
    sysctl("net.mptcp.enabled", 0, world.net.server)
    rc, lines = check("--cgroup", world.cgroup)
    assert rc == 3 and lines["mptcp_enabled"][0] == "fail"
    run(["sh", "-e", "-c", lines["mptcp_enabled"][2].split(": ")[-1]], netns=world.net.server)
    rc, lines = check("--cgroup", world.cgroup)
    assert lines["mptcp_enabled"][0] == "ok"
    world.has_a_second_path()


def beyond(world):
    """The client's traffic comes from behind both links; replies may take either."""
    world.client(f"route replace 192.0.2.0/24 dev c0 src {FAR}", f"route replace 10.0.1.0/24 dev c1 src {FAR}")


def test_packets_that_stray(world):
    """The first uplink's provider drops packets with an address of the second."""
    beyond(world)
    run(["nft", "-f", "-"], netns=world.net.client, stdin="table inet t { chain c { type filter hook input priority 0; "
        "iif c0 ip saddr 10.0.1.1 drop; }; }")
    assert world.named() == {}
    world.has_a_second_path(FAR)
    world.server("rule del from 10.0.1.1 table 99")
    remedy = world.named()
    assert set(remedy) == {"path_route"}
    index = next(l["ifindex"] for l in json.loads(run(["ip", "-n", world.net.server, "-j", "link", "show", "s1"]).out))
    assert remedy["path_route"] == (f"ip rule add from 10.0.1.1 table {1000 + index} && "
                                    f"ip route add default via 10.0.1.2 dev s1 table {1000 + index}")
    world.mended("path_route", FAR)


def unit_commands(name):
    """The commands of the example unit: {"ExecStart": command}."""
    path = next(p for p in (f"{HERE}/examples/{name}", f"{HERE}/../../dist/examples/{name}") if os.path.exists(p))
    with open(path, encoding="utf-8") as f:
        return dict(re.findall(r"^(Exec\w+)=-?(/bin/sh .*)$", f.read(), re.M))


def test_the_example_unit(world):
    """It creates everything that is missing, whether run once or twice, and removes it."""
    beyond(world)
    run(["nft", "-f", "-"], netns=world.net.client, stdin="table inet t { chain c { type filter hook input priority 0; "
        "iif c0 ip saddr 10.0.1.1 drop; }; }")
    world.server("rule del from 10.0.1.1 table 99", "route flush table 99", "mptcp endpoint flush")
    commands = unit_commands("mptcp-paths@.service")
    env = {**os.environ, "ADDRESS": "10.0.1.1", "GATEWAY": "10.0.1.2", "TABLE": "101", "FLAGS": "signal", "INTERFACE": "s1"}
    rules = world.net.ip(world.net.server, "rule")

    def systemd_runs(*names):
        for name in names:
            run(["sh", "-c", commands[name]], netns=world.net.server, env=env)
    assert "paths" in world.named()
    for _ in range(2):
        systemd_runs("ExecStartPre", "ExecStart")
    assert world.named() == {}
    assert world.net.ip(world.net.server, "rule").count("10.0.1.1") == 1
    world.has_a_second_path(FAR)
    systemd_runs("ExecStop")
    assert world.net.ip(world.net.server, "rule") == rules
    assert world.net.ip(world.net.server, "mptcp endpoint show") == ""
    assert run(["ip", "-n", world.net.server, "route", "show", "table", "101"], check=False).out == ""


def test_rp_filter(world):
    beyond(world)
    world.server("rule del from 10.0.1.1 table 99")
    for name in ("all", "s1"):
        sysctl(f"net.ipv4.conf.{name}.rp_filter", 1, world.net.server)
    assert set(world.named()) == {"path_route", "path_rp_filter"}
    world.mended("path_rp_filter", FAR)
    assert set(world.named()) == {"path_route"}


def test_a_published_port(service):
    """In a container behind DNAT, with two uplinks that each accept only their own address."""
    with contextlib.ExitStack() as stack:
        world = World(stack, service)
        host, inside = world.net.server, f"{world.net.server}-inside"
        run(["ip", "netns", "add", inside])
        stack.callback(run, ["ip", "netns", "del", inside])
        run(["ip", "-n", host, "link", "add", "b0", "type", "veth", "peer", "name", "e0", "netns", inside])
        world.server("addr add 172.18.0.1/24 dev b0", "link set b0 up", "mptcp endpoint flush")
        for line in ("link set lo up", "link set e0 up", "addr add 172.18.0.2/24 dev e0", "route add default via 172.18.0.1",
                     "mptcp endpoint add 10.0.1.1 signal", "mptcp limits set subflows 2"):
            world.net.ip(inside, line)
        sysctl("net.ipv4.ip_forward", 1, host)
        run(["nft", "-f", "-"], netns=host, stdin="table ip published { chain c { type nat hook prerouting priority dstnat; "
            "iifname { s0, s1 } tcp dport 143 dnat to 172.18.0.2; }; }")
        beyond(world)
        run(["nft", "-f", "-"], netns=world.net.client, stdin="table inet t { chain c { type filter hook input priority 0; "
            "iif c0 ip saddr 10.0.1.1 drop; iif c1 ip saddr 192.0.2.1 drop; }; }")
        container = Cgroup(f"{service.name}-inside", parent=os.path.dirname(service.dir))
        stack.callback(container.remove)
        stack.enter_context(resident(cgroup=container, netns=inside))
        listener = stack.enter_context(listen(143, proto=MPTCP, cgroup=container, netns=inside))

        def named():
            _, lines = check("--cgroup", container, netns=host)
            return {name: remedy for name, (result, _, remedy) in lines.items()
                    if name.startswith("path") and result != "ok"}

        def connection():
            return Connection(listener, make_socket(proto=MPTCP, netns=world.net.client), FAR)
        assert set(named()) == {"path_published"}
        with connection() as one:
            assert one.paths() == 1
        run(["sh", "-e", "-c", named()["path_published"]], netns=host)
        assert named() == {}
        with connection() as one:
            wait_until(lambda: one.paths() == 2, "a second path")


def test_shrinking_windows(world):
    """They slow down a connection, but do not prevent a path."""
    def line():
        return check("--cgroup", world.cgroup)[1].get("shrink_window")
    assert line() is None
    sysctl("net.ipv4.tcp_shrink_window", 1, world.net.server)
    result, text, remedy = line()
    assert result == "warn" and "slow" in text
    run(["sh", "-e", "-c", remedy.split(": ")[1]], netns=world.net.server)
    assert line() is None and world.named() == {}
    world.has_a_second_path()


def test_joins_to_the_first_address_are_not_welcome(world):
    world.server("mptcp endpoint flush")
    world.client("mptcp endpoint add 10.0.1.2 subflow")
    sysctl("net.mptcp.allow_join_initial_addr_port", 0, world.net.server)
    world.mended("path_initial")
