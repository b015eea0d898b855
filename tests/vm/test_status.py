# SPDX-License-Identifier: GPL-2.0-only
"""--status reports the state of the kernel: each line changes when a test changes the kernel
behind the loader's back."""

import os
import re
import socket

import pytest

from mma import (CGROUPS, PINS, Cgroup, Map, attach, counters, listen, make_socket, map_dict, mma, netns_status,
                 port_key, resident, run, service, status, sysctl, try_connection)


def text():
    return mma("--status", check=True).out


def line(pattern):
    """The one line that matches."""
    lines = [l for l in text().splitlines() if re.search(pattern, l)]
    assert len(lines) == 1, f"{pattern}: {lines}"
    return lines[0]


@pytest.fixture
def attached(cgroup):
    attach(cgroup, "--port", "25,465/listen")
    return cgroup


def test_nothing_attached():
    assert text() == "armed       no: nothing is attached\n"
    assert status() == {"schema": 1, "version": status()["version"], "armed": False,
                        "reason": "nothing is attached", "ports": {}, "services": [], "netns": [],
                        "accounting": {"counted": False, "reason": "nothing is attached"}, "doubt": None,
                        "list_watch": {"known": False, "reason": "nothing is attached"}}


def test_keys_of_the_contract(attached):
    with listen(25, cgroup=attached):
        now = status()
    assert set(now) >= {"schema", "version", "armed", "reason", "ports", "services", "netns"}
    assert now["schema"] == 1
    assert now["version"] == mma("--version", check=True).out.split()[1]
    assert now["armed"] is True and now["reason"] is None
    assert now["ports"] == {"25": ["listen", "connect"], "465": ["listen"]}
    only, = now["services"]
    assert set(only) >= {"path", "id", "alive", "covered_by", "listeners", "counters"}
    assert only["path"] == attached.path and only["id"] == attached.id
    assert only["alive"] is True and only["covered_by"] is None
    listener, = only["listeners"]
    assert listener == {"addr": "0.0.0.0", "port": 25, "proto": "mptcp", "reason": ""}
    assert set(only["counters"]) >= {"upgraded", "kept_mptcp_off", "kept_netns_uncovered", "restarts"}
    space, = now["netns"]
    assert set(space) >= {"cookie", "interfaces", "uncovered", "mptcp_enabled", "blackhole"}


@pytest.mark.parametrize("link, reason", [
    ("upgrade", "the upgrade program is not attached; repair: --refresh"),
    ("upgrade_2", "the second upgrade program is not attached; repair: --refresh"),
    ("follow_mkdir", "new cgroups are not followed; repair: --refresh"),
    ("follow_rmdir", "removed cgroups are not followed; repair: --refresh"),
])
def test_link_unpinned(attached, link, reason):
    assert line("^armed") == "armed       yes"
    os.unlink(f"{PINS}/links/{link}")
    assert line("^armed") == f"armed       no: {reason}"
    assert (status()["armed"], status()["reason"]) == (False, reason)
    attach(attached)
    assert line("^armed") == "armed       yes"
    with make_socket(cgroup=attached) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, 38) == 262


def test_second_program_where_tasks_are_preempted(attached, preemption):
    """Where the kernel does not preempt tasks, socket(2) is spared the second program. If the mode
    changes, --status says so, and the next run adjusts."""
    link = f"{PINS}/links/upgrade_2"
    reason = "no: the second upgrade program is not attached; repair: --refresh"
    for mode in preemption.modes:
        preemption.mode = mode
        mma("--detach", check=True)
        attach(attached)
        spared = mode in ("none", "voluntary")
        assert (os.path.exists(link), line("^armed")) == (not spared, "armed       yes"), mode
        attach(attached)
        assert os.path.exists(link) != spared, mode
        with make_socket(cgroup=attached) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, 38) == 262
        preemption.mode = "full"
        assert line("^armed") == f"armed       {reason if spared else 'yes'}", mode
        attach(attached)
        assert (os.path.exists(link), line("^armed")) == (True, "armed       yes"), mode


def test_debugfs_unmounted_later(attached, preemption):
    """Without debugfs nobody can know whether the second program is needed. What is attached stays
    armed, --status reports the doubt, and the next run resolves it."""
    link = f"{PINS}/links/upgrade_2"
    calm = [mode for mode in preemption.modes if mode in ("none", "voluntary")]
    if not calm:  # Linux 7 preempts in every mode: the second program is always attached
        assert os.path.exists(link) and status()["doubt"] is None
        return
    preemption.mode = calm[0]
    mma("--detach", check=True)
    attach(attached)
    assert not os.path.exists(link) and status()["doubt"] is None
    run(["umount", "/sys/kernel/debug"])
    try:
        assert line("^armed") == "armed       yes"
        assert "debugfs is not mounted" in line("in doubt") and "--refresh" in line("in doubt")
        assert status()["armed"] and "debugfs" in status()["doubt"]
        mma("--refresh", check=True)
        assert os.path.exists(link)
        assert status()["armed"] and status()["doubt"] is None
        os.unlink(link)
        assert not status()["armed"], "it was there, and is not"
    finally:
        run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"])


def test_strip_link_unpinned(attached):
    total = netns_status()["interfaces"]
    assert netns_status()["uncovered"] == 0
    assert line("allowlist enforced") == "  allowlist enforced on " + (f"all {total} interfaces" if total > 1 else "its only interface")
    link, = (l for l in os.listdir(f"{PINS}/links") if l.endswith("-1"))
    os.unlink(f"{PINS}/links/{link}")
    assert netns_status()["uncovered"] == 1
    assert "1 of" in line(r"NOT enforced .*\(lo\)")
    mma("--refresh", check=True)
    assert netns_status()["uncovered"] == 0


def test_new_interface(attached):
    before = netns_status()
    run(["ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1"])
    try:
        assert netns_status()["interfaces"] == before["interfaces"] + 2
        assert netns_status()["uncovered"] == 2
        assert "2 of" in line(r"NOT enforced .*\(new[01]\)")
        mma("--refresh", check=True)
        assert netns_status()["uncovered"] == 0
    finally:
        run(["ip", "link", "del", "new0"])
    assert netns_status()["interfaces"] == before["interfaces"]


def test_interface_that_moved_away_and_back(attached, net):
    """A link moves with its device, and the index is reused."""
    run(["ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1"])
    mma("--refresh", check=True)
    run(["ip", "link", "set", "new0", "netns", net.client])
    run(["ip", "-n", net.client, "link", "set", "new0", "name", "new2"])
    run(["ip", "-n", net.client, "link", "set", "new2", "netns", "1"])
    mma("--refresh", check=True)
    assert netns_status()["uncovered"] == 0
    run(["ip", "link", "del", "new2"])


def test_namespace_entry_dropped(attached):
    cookie = netns_status()["cookie"]
    with Map("netns") as m:
        del m[cookie]
    assert netns_status()["covered"] is False
    assert "sockets in it stay TCP" in line("NOT covered:")


def test_sysctl_flipped(attached):
    assert netns_status()["mptcp_enabled"] is True
    assert line("MPTCP is").startswith("  MPTCP is on")
    sysctl("net.mptcp.enabled", 0)
    try:
        assert netns_status()["mptcp_enabled"] is False
        assert line("MPTCP is").startswith("  MPTCP is OFF")
    finally:
        sysctl("net.mptcp.enabled", 1)


def test_blackhole_timeout(attached):
    assert netns_status()["blackhole"]["timeout"] == 3600
    assert netns_status()["blackhole"]["detected"] == 0
    sysctl("net.mptcp.blackhole_timeout", 0)
    try:
        assert netns_status()["blackhole"]["timeout"] == 0
    finally:
        sysctl("net.mptcp.blackhole_timeout", 3600)


def test_limits_and_endpoints(attached):
    run(["ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "1"])
    run(["ip", "addr", "add", "203.0.113.9/32", "dev", "lo"])
    try:
        assert netns_status()["paths"] == {"manager": "kernel", "subflows": 2, "add_addr_accepted": 1, "endpoints": 0,
                                           "announced": 0}
        assert line("^  extra") == "  extra paths per connection: up to 2 (1 to addresses that the peer announces)"
        assert line("endpoints") == "    endpoints here: 0, announced to peers: 0"
        run(["ip", "mptcp", "endpoint", "add", "203.0.113.9", "signal"])
        run(["ip", "mptcp", "endpoint", "add", "127.0.0.9", "subflow"])
        assert netns_status()["paths"]["endpoints"] == 2 and netns_status()["paths"]["announced"] == 1
        assert line("endpoints") == "    endpoints here: 2, announced to peers: 1"
        run(["ip", "mptcp", "limits", "set", "subflows", "0"])
        assert netns_status()["paths"]["subflows"] == 0
        assert line("^  extra") == "  extra paths per connection: none (ip mptcp limits: subflows 0)"
        sysctl("net.mptcp.pm_type", 1)
        assert netns_status()["paths"]["manager"] == "user space"
        assert line("^  extra") == "  extra paths: left to a path manager in user space"
    finally:
        sysctl("net.mptcp.pm_type", 0)
        run(["ip", "mptcp", "endpoint", "flush"])
        run(["ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "0"])
        run(["ip", "addr", "del", "203.0.113.9/32", "dev", "lo"])


def test_restart(attached):
    assert service(attached)["counters"]["restarts"] == 0
    first = attached.id
    attached.restart()
    assert attached.id != first
    assert service(attached)["id"] == attached.id
    assert service(attached)["counters"]["restarts"] == 1
    assert line("attached, cgroup id") == f"  attached, cgroup id {attached.id}"
    assert line("restarts since attach").endswith(" 1")


def test_service_gone(attached):
    os.rmdir(attached.dir)
    assert service(attached)["alive"] is False
    assert "attached when it is created" in line("does not exist")
    attached.make()
    assert service(attached)["alive"] is True


def test_listener_made_before(cgroup):
    with resident(cgroup=cgroup), listen(25, cgroup=cgroup), \
            listen(465, "::1", socket.AF_INET6, cgroup=cgroup):
        done = attach(cgroup, "--port", "25,465")
        assert "0.0.0.0:25" in done.err and "[::1]:465" in done.err and "restart" in done.err
        old = {l["port"]: l for l in service(cgroup)["listeners"]}
        assert set(old) == {25, 465}
        for l in old.values():
            assert l["proto"] == "tcp" and "made before the attach" in l["reason"]
        assert line(r"listens TCP +0\.0\.0\.0:25( |$)")
        assert line(r"listens TCP +\[::1\]:465( |$)")
    assert service(cgroup)["listeners"] == []
    with listen(25, cgroup=cgroup):
        assert service(cgroup)["listeners"] == [
            {"addr": "0.0.0.0", "port": 25, "proto": "mptcp", "reason": ""}]
        assert line(r"listens MPTCP +0\.0\.0\.0:25")


def test_listener_off_the_list(attached):
    with listen(7005, "127.0.0.1", cgroup=attached):
        got, = service(attached)["listeners"]
        assert got["proto"] == "mptcp" and got["reason"] == "not on the list: connections are TCP"
        mma("--allow", "7005", check=True)
        got, = service(attached)["listeners"]
        assert got["reason"] == ""


def test_listener_of_another_cgroup_or_namespace(attached, net):
    below = attached.child("worker")
    with listen(7006), listen(7007, cgroup=below), listen(7008, cgroup=attached, netns=net.server):
        assert {l["port"] for l in service(attached)["listeners"]} == {7007}


def test_listeners_that_stay_mptcp_are_named(attached):
    with resident(cgroup=attached), listen(25, cgroup=attached):
        done = mma("--detach", check=True)
    assert "0.0.0.0:25" in done.err and "every port" in done.err


def test_list_edited_with_bpftool(attached):
    """The two commands in the contract (little-endian: 25 is 25 0, 587 is 75 2)."""
    pinned = ["pinned", "/sys/fs/bpf/mptcp-mail/ports", "key"]
    assert "25 " in line("^allowlist") + " "
    run(["bpftool", "map", "update", *pinned, *port_key(25), "value", "1"])
    assert status()["ports"]["25"] == ["listen"]
    assert "25/listen" in line("^allowlist")
    run(["bpftool", "map", "update", *pinned, *port_key(25), "value", "3"])
    assert status()["ports"]["25"] == ["listen", "connect"]
    run(["bpftool", "map", "update", *pinned, *port_key(587), "value", "2"])
    assert status()["ports"]["587"] == ["connect"]
    run(["bpftool", "map", "update", *pinned, *port_key(25), "value", "0"])
    assert status()["ports"]["25"] == []
    assert "25/denied" in line("^allowlist")
    run(["bpftool", "map", "delete", *pinned, *port_key(25)])
    assert "25" not in status()["ports"]
    run(["bpftool", "map", "update", *pinned, *port_key(0), "value", "1"])
    assert status()["ports"]["all"] == ["listen"]


def test_dump_is_readable(attached):
    dump = run(["bpftool", "map", "dump", "pinned", "/sys/fs/bpf/mptcp-mail/ports"]).out
    assert re.search(r'"key": 465,\s+"value": 1\b', dump), dump


def test_id_dropped(attached):
    with Map("cgroups") as m:
        del m[attached.id]
    assert service(attached)["upgrading"] is False
    assert "--refresh" in line("NOT attached")
    mma("--refresh", check=True)
    assert service(attached)["upgrading"] is True


def test_counters_move(attached):
    def upgraded():
        return service(attached)["counters"]["upgraded"]
    before = upgraded()
    with make_socket(cgroup=attached):
        pass
    assert upgraded() == before + 1 == counters(attached)["upgraded"]
    assert line("sockets upgraded").endswith(f" {before + 1}")
    with listen(7010, cgroup=attached) as listener:
        try_connection(listener, socket.socket(proto=262))
    assert service(attached)["counters"]["stripped_synack"] == 1
    assert line("incoming, kept TCP").endswith(" 1")


def test_covered_by(attached):
    inner = attached.child("inner")
    assert service(inner) is None
    attach(inner)
    assert service(inner)["covered_by"] == attached.path
    assert line("also covered by") == f"  also covered by {attached.path}"


def test_namespace_without_processes(attached, net):
    attach(attached, "--netns", f"/run/netns/{net.server}")
    unreachable, = (n for n in status()["netns"] if not n["reachable"])
    assert unreachable["covered"] is True
    assert line("no attached service has a process in it")


def test_eighty_columns(cgroup, net):
    """In every state; only a service's path may be longer."""
    group = cgroup.child("postfix-with-a-rather-long-instance-name@-.service")
    v6 = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    run(["ip", "addr", "add", f"{v6}/128", "dev", "lo", "nodad"])
    try:
        with listen(25, cgroup=group), listen(10025, v6, socket.AF_INET6, cgroup=group):
            attach(group, "--cgroup", cgroup, "--netns", f"/run/netns/{net.server}", "--port", "1-65535/listen,25")
            with listen(465, cgroup=group), listen(10026, v6, socket.AF_INET6, cgroup=group):
                mma("--deny", ",".join(str(p) for p in range(10000, 10200, 2)), check=True)
                sysctl("net.mptcp.enabled", 0)
                os.unlink(f"{PINS}/links/upgrade")
                out = text()
    finally:
        sysctl("net.mptcp.enabled", 1)
        run(["ip", "addr", "del", f"{v6}/128", "dev", "lo"])
    assert out.count("listens ") == 8, "each listener is the service's and its parent's"
    for wide in out.splitlines():
        assert len(wide) < 80 or group.name in wide, wide


def test_status_changes_nothing(attached):
    before = {m: map_dict(m) for m in Map.SHAPES}, sorted(os.walk(PINS))
    text(), status()
    assert ({m: map_dict(m) for m in Map.SHAPES}, sorted(os.walk(PINS))) == before


def test_status_of_many_services(cgroup):
    groups = [Cgroup(f"s{n}.service", cgroup.dir, make=n % 2 == 0) for n in range(40)]
    mma(*(word for g in groups for word in ("--cgroup", g)), check=True)
    now = status()
    assert [s["path"] for s in now["services"]] == sorted(g.path for g in groups)
    assert {s["path"] for s in now["services"] if s["alive"]} == {g.path for g in groups[::2]}
    assert all(os.path.isdir(CGROUPS + s["path"]) == s["alive"] for s in now["services"])
