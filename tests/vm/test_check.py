# SPDX-License-Identifier: GPL-2.0-only
"""--check where nothing is wrong: every line says so, the service does not notice, and nothing is
left behind."""

import os
import pickle
import select
import socket

import pytest

from check_cases import (NAMES, everything, failed, private, net, service, test_known_servers,  # noqa: F401 (tests)
                         test_how_long_a_session_without_a_path_stays, test_listeners, test_mptcp_off_where_a_service_is,
                         test_only_cgroup_v1_in_this_mount_namespace, test_ordinary_user, test_ordinary_user_and_a_service)
from conftest import nothing_left
from mma import (MPTCP, PINS, TCP, attach, check, fork, listen, mma, objects, run, so_protocol, status, sysctl,
                 wait_until)


def ok(lines):
    return {name: line for name, line in lines.items() if line[0] != "ok"} == {}


def test_a_healthy_machine():
    done = mma("--check")
    assert (done.rc, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["✓"] * len(NAMES)
    assert list(check()[1]) == NAMES


def test_a_healthy_service(cgroup):
    """The service only listens: for one that connects, --check reports that the kernel's limits
    let it add no path."""
    attach(cgroup, "--port", "25/listen")
    with listen(25, cgroup=cgroup):
        rc, lines = check("--cgroup", cgroup)
    assert rc == 0 and ok(lines), lines
    assert list(lines) == [*NAMES[:14], "cgroup", *NAMES[14:], "listeners", "may_bind", "server"]
    assert lines["cgroup"][1] == cgroup.path


def test_a_restart_is_what_a_stale_listener_needs(cgroup):
    stale = listen(25, cgroup=cgroup)
    attach(cgroup, "--port", "25")
    assert check("--cgroup", cgroup)[1]["listeners"][0] == "warn"
    stale.close()
    with listen(25, cgroup=cgroup):
        assert check("--cgroup", cgroup)[1]["listeners"][0] == "ok"


def test_nothing_stays(cgroup):
    before, surroundings = objects(), everything()
    check("--cgroup", cgroup)
    wait_until(lambda: nothing_left(before), "the trials are gone")
    assert everything() == surroundings
    assert not os.path.exists(PINS)


def sockets_during_a_check(cgroup):
    """Creates sockets in the cgroup in a tight loop while checks run: the set of their
    protocols."""
    r, w = os.pipe()

    def make():
        os.close(w)
        seen, n = set(), 0
        while not select.select([r], [], [], 0)[0]:
            for _ in range(100):
                with socket.socket() as sock:
                    seen.add(so_protocol(sock))
                n += 1
        return seen, n
    pid, outcome = fork(make, cgroup=cgroup)
    rcs = {check()[0] for _ in range(2)}
    os.close(w)
    os.close(r)
    with os.fdopen(outcome, "rb") as f:
        succeeded, result = pickle.load(f)
    os.waitpid(pid, 0)
    assert succeeded, result
    seen, n = result
    assert rcs == {0} and n > 1000, n
    return seen


def test_the_trials_touch_nobody(cgroup):
    assert sockets_during_a_check(cgroup) == {TCP}
    attach(cgroup)
    assert sockets_during_a_check(cgroup) == {MPTCP}
    assert status()["armed"]


@pytest.mark.parametrize("path, result, words", [("mount -t bpf none /sys/fs/bpf", "fail", "private"),
                                                 ("umount /sys/fs/bpf", "fail", "no BPF file system")])
def test_bpffs_in_another_mount_namespace(path, result, words):
    rc, lines = check(prepare=private(path))
    assert rc == 3 and lines["bpffs"][0] == result and words in lines["bpffs"][1]
    assert "nsenter" in lines["bpffs"][2]


def test_only_cgroup_v1():
    """On the real machine."""
    assert os.system("umount /sys/fs/cgroup && mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/v1 && "
                     "mount -t cgroup -o none,name=v1 none /sys/fs/cgroup/v1") == 0
    try:
        for words in ([], ["--cgroup", "x.service"], ["--cgroup", "self"]):
            rc, lines = check(*words)
            assert rc == 3 and failed(lines) == {"cgroup2"}
            assert "not mounted, and services" in lines["cgroup2"][1] and "mount -t cgroup2" in lines["cgroup2"][2]
            assert "cgroup" not in lines
    finally:
        assert os.system("umount /sys/fs/cgroup/v1 /sys/fs/cgroup && "
                         "mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup") == 0


def test_mptcp_off():
    """On the real machine; the remedy switches it on."""
    sysctl("net.mptcp.enabled", 0)
    try:
        rc, lines = check()
        assert rc == 3 and failed(lines) == {"mptcp_enabled"}
        assert run(lines["mptcp_enabled"][2].split(": ")[1].split()).rc == 0
        assert check()[0] == 0
    finally:
        sysctl("net.mptcp.enabled", 1)


def test_bpffs_not_mounted():
    assert os.system("umount /sys/fs/bpf") == 0
    try:
        rc, lines = check()
        assert rc == 0 and "not mounted" in lines["bpffs"][1]
        assert not os.path.ismount("/sys/fs/bpf"), "it was mounted"
    finally:
        assert os.system("mount -t bpf -o mode=700,nosuid,nodev,noexec bpf /sys/fs/bpf") == 0
