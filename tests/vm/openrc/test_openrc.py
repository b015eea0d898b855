# SPDX-License-Identifier: GPL-2.0-only
"""OpenRC, sysvinit and udev: attached by path at boot; then restarts, new interfaces and failures.
Last, the package is removed."""

import contextlib
import os
import re
import subprocess

import pytest

import mma
from mma import MPTCP, run, service, status, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = "/usr/sbin/mptcp-mail-attach"
PATH = "/openrc.postfix"


def rc(name, verb, check=True):
    return run(["rc-service", name, verb], timeout=120, check=check)


def speaks_mptcp(port=25):
    with mma.connect("127.0.0.1", port, proto=MPTCP) as conn:
        assert conn.recv(256).startswith(b"220 ")
        return mma.is_mptcp(conn)


def started(name):
    return rc(name, "status", check=False).rc == 0


def test_this_is_openrc_and_another_boot():
    with open("/proc/sys/kernel/random/boot_id") as now, open("/var/lib/first-boot") as first:
        assert now.read() != first.read()
    assert os.path.isdir("/run/openrc") and not os.path.exists("/run/systemd/system")
    assert started("mptcp-mail-attach") and started("postfix")


def test_attached_at_boot():
    """Attached before Postfix started, without a dependency on us. Dovecot does not exist here,
    and is attached anyway."""
    now = status()
    assert now["armed"] and [n["uncovered"] for n in now["netns"]] == [0]
    assert {(s["path"], s["alive"]) for s in now["services"]} == {(PATH, True), ("/openrc.dovecot", False)}
    assert {(li["port"], li["proto"]) for li in service(PATH)["listeners"]} == {(25, "mptcp")}
    assert speaks_mptcp()


def test_restarts():
    """OpenRC removes the cgroup and creates it again; follow attaches it before its first
    process."""
    before = service(PATH)["id"]
    for _ in range(5):
        rc("postfix", "restart")
        assert speaks_mptcp()
    assert service(PATH)["id"] != before


def repaired():
    return "socket options are repaired" in run([TOOL, "--status"]).out


def test_socket_options():
    """repair is lost with the cgroup: --refresh restores it, or the service's conf.d does at each
    start."""
    rc("postfix", "restart")
    assert not repaired()
    rc("mptcp-mail-attach", "reload")
    assert repaired()
    with open(f"{HERE}/../examples/openrc/conf.d/mptcp-mail-attach") as f:
        hook = re.search(r"^# (start_pre\(\).*)$", f.read(), re.M)[1]
    with open("/etc/conf.d/postfix", "w") as f:
        f.write(f"{hook}\n")
    try:
        rc("postfix", "restart")
        assert repaired() and speaks_mptcp()
    finally:
        os.unlink("/etc/conf.d/postfix")


def test_new_interface():
    """Without systemd, udev runs --refresh itself."""
    run(["ip", "link", "add", "new0", "type", "dummy"])
    interfaces = len(os.listdir("/sys/class/net"))

    def covered():
        netns, = status()["netns"]
        return (netns["interfaces"], netns["uncovered"]) == (interfaces, 0)
    wait_until(covered, "the interface is covered", seconds=60)
    run(["ip", "link", "del", "new0"])


def test_stop_detaches_and_start_attaches():
    rc("mptcp-mail-attach", "stop")
    assert not os.path.exists(mma.PINS)
    assert started("postfix"), "it does not depend on ours"
    rc("postfix", "restart")
    assert not speaks_mptcp()
    rc("mptcp-mail-attach", "start")
    assert not speaks_mptcp(), "its sockets are older"
    rc("postfix", "restart")
    assert speaks_mptcp()
    rc("mptcp-mail-attach", "reload")
    assert speaks_mptcp()


def test_mail_starts_without_the_tool():
    rc("mptcp-mail-attach", "stop")
    os.rename(TOOL, f"{TOOL}.gone")
    try:
        assert rc("mptcp-mail-attach", "start", check=False).rc != 0
        assert not started("mptcp-mail-attach")
        rc("postfix", "restart")
        assert not speaks_mptcp()
    finally:
        os.rename(f"{TOOL}.gone", TOOL)


def refused():
    try:
        mma.connect("127.0.0.1", 25, proto=mma.TCP).close()
        return False
    except ConnectionRefusedError:
        return True


@contextlib.contextmanager
def supervised():
    """Runs a service as runit and s6 would. At the end waits until none of its processes listens
    any more, since they inherit the listener."""
    server = subprocess.Popen(["/bin/sh", f"{HERE}/../examples/supervised/run"], stdin=subprocess.DEVNULL)
    try:
        def ready():
            assert server.poll() is None, "the server ended"
            with contextlib.suppress(OSError):
                return speaks_mptcp() is not None
            return False
        wait_until(ready, "postfix listens", seconds=60)
        yield
    finally:
        run(["postfix", "stop"], check=False)
        server.wait(timeout=60)
        wait_until(refused, "nobody listens", seconds=120)


def test_supervised():
    """The supervisor has no cgroup of its own. Attached at each start, with repair."""
    rc("postfix", "stop")
    wait_until(refused, "nobody listens", seconds=120)
    for _ in range(2):
        with supervised():
            assert speaks_mptcp()
            found = service("/mail.postfix")
            assert found["alive"] and {(li["port"], li["proto"]) for li in found["listeners"]} == {(25, "mptcp")}
            assert repaired()


@pytest.mark.parametrize("broken", ["tool", "cgroup"])
def test_supervised_starts_whatever_fails(broken):
    """The tool is missing, or no cgroup can be created."""
    run([TOOL, "--detach", "-q"])
    with contextlib.ExitStack() as stack:
        if broken == "tool":
            os.rename(TOOL, f"{TOOL}.gone")
            stack.callback(os.rename, f"{TOOL}.gone", TOOL)
        else:
            run(["mount", "-t", "tmpfs", "-o", "ro", "none", "/sys/fs/cgroup"])
            stack.callback(run, ["umount", "/sys/fs/cgroup"])
        with supervised():
            assert not speaks_mptcp()


def test_purge():
    rc("mptcp-mail-attach", "start")
    assert os.path.exists(mma.PINS)
    run(["dpkg", "-P", "mptcp-mail-attach"], timeout=120)
    assert not os.path.exists(mma.PINS)
    rc("postfix", "start")
    assert not speaks_mptcp()
