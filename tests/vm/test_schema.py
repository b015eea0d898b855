# SPDX-License-Identifier: GPL-2.0-only
"""docs/status.schema.json describes all of --status --json, and nothing else."""

import copy
import os

import schema
from mma import MPTCP, Cgroup, attach, listen, make_socket, mma, resident, status, try_connection, unshare

STRICT = schema.Validator(schema.load(), strict=True)
CLONE_NEWNET = 0x40000000


def valid():
    now = status()
    assert STRICT.check(now) == []
    return now


def test_nothing_attached():
    valid()


def test_everything_there_is(cgroup):
    """Every field, with every value that a test can make it take."""
    odd = Cgroup(os.fsdecode(b"\xfcber\x1b.service"))
    try:
        attach(cgroup, "--port", "25,465/listen,587/connect,all/listen", "--cgroup", odd, "--cgroup",
               f"{cgroup}/later.service")
        mma("--deny", "26", check=True)
        with listen(25, cgroup=cgroup) as listener, listen(26, cgroup=cgroup), \
                listen(27, proto=MPTCP) as outside, listen(28, proto=MPTCP, cgroup=cgroup), resident(lambda: unshare(CLONE_NEWNET), cgroup=cgroup):
            try_connection(listener, make_socket(proto=MPTCP))
            try_connection(outside, make_socket(cgroup=cgroup))
            now = valid()
        by_path = {s["path"]: s for s in now["services"]}
        assert now["armed"] and now["ports"]["26"] == [] and now["ports"]["all"] == ["listen"]
        assert by_path["/\\xfcber\x1b.service"]["listeners"] == []
        assert {lis["proto"] for lis in by_path[cgroup.path]["listeners"]} == {"mptcp"}
        assert by_path[f"{cgroup.path}/later.service"]["covered_by"] == cgroup.path
        assert by_path[f"{cgroup.path}/later.service"]["alive"] is False
        assert {n["covered"] for n in now["netns"]} == {True, False}
        assert now["accounting"] == {"counted": True, "reason": None}
        assert {(c["port"], c["role"]) for c in by_path[cgroup.path]["connections"]} == {(25, "listen"), (27, "connect")}
    finally:
        odd.remove()


def test_not_armed(cgroup):
    with listen(2525, cgroup=cgroup):
        attach(cgroup)
        os.unlink("/sys/fs/bpf/mptcp-mail/links/upgrade")
        now = valid()
    assert now["armed"] is False and now["reason"]
    assert now["services"][0]["listeners"][0]["proto"] == "tcp"


def test_a_namespace_without_processes(cgroup):
    with resident(lambda: unshare(CLONE_NEWNET)) as pid:
        attach(cgroup, "--netns", f"/proc/{pid}/ns/net")
        assert {n["reachable"] for n in valid()["netns"]} == {True, False}


def changed(real, path, value):
    """The real output with one thing changed."""
    now = at = copy.deepcopy(real)
    for step in path[:-1]:
        at = at[step]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return now


def test_the_validator_sees_what_is_wrong(cgroup):
    attach(cgroup)
    with listen(25, cgroup=cgroup) as listening:
        try_connection(listening, make_socket(proto=MPTCP))
        real = valid()
    service, listener, netns = ["services", 0], ["services", 0, "listeners", 0], ["netns", 0]
    connections, paths = ["services", 0, "connections", 0], ["netns", 0, "paths"]
    for path, value in [
            (["schema"], 2), (["schema"], True), (["version"], 1), (["armed"], "yes"), (["reason"], 0),
            (["reason"], KeyError), (["ports"], []), (["ports", "0"], []), (["ports", "25"], ["both"]),
            (["ports", "25"], ["listen", "listen"]), (["ports", "smtp"], ["listen"]), (["services"], {}),
            ([*service, "id"], "7"), ([*service, "id"], True), ([*service, "path"], "relative"),
            ([*service, "alive"], None), ([*service, "counters"], KeyError),
            ([*service, "counters", "upgraded"], -1), ([*service, "counters", "upgraded"], KeyError),
            ([*listener, "port"], 0), ([*listener, "port"], 65536), ([*listener, "proto"], "udp"),
            ([*listener, "addr"], "localhost"), ([*listener, "new"], 1), ([*netns, "cookie"], 0),
            ([*connections, "mptcp"], -1), ([*connections, "mptcp"], KeyError), ([*connections, "role"], "both"),
            ([*connections, "new"], 1), ([*paths, "manager"], "mptcpd"), ([*paths, "subflows"], KeyError),
            (["accounting", "counted"], "yes"), (["accounting", "reason"], KeyError), ([*netns, "blackhole"], 0), ([*netns, "blackhole", "timeout"], "1h"), (["new"], 1)]:
        assert STRICT.check(changed(real, path, value)) != [], (path, value)
    assert schema.Validator(schema.load()).check(changed(real, ["new"], 1)) == [], "readers ignore what is added"
