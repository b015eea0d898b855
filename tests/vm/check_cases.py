# SPDX-License-Identifier: GPL-2.0-only
"""--check: the cases run natively (tests/system) and in guests. They change what it looks at in
namespaces of their own."""

import os
import re
import shutil
import signal
import socket
import stat

import pytest

import mma
from audit_cases import net, service  # noqa: F401 (fixtures)
from mma import MPTCP, check, objects, resident, run, unshare

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
NAMES = ["root", "btf", "hook", "mptcp", "mptcp_ipv6", "upgrade", "follow", "tcx", "repair", "mptcp_state", "account",
         "list_watch", "bpffs", "cgroup2", "mptcp_enabled", "paths", "blackhole", "close_timeout", "ipsec"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


def failed(lines):
    return {name for name, (result, _, _) in lines.items() if result == "fail"}


def has_hook():
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        return b"update_socket_protocol" in f.read()


def private(*commands):
    def prepare():
        unshare(CLONE_NEWNS)
        for command in ("mount --make-rprivate /", *commands):
            assert os.system(command) == 0, command
    return prepare


def test_text_and_json_agree():
    done = mma.mma("--check")
    rc, lines = check()
    assert done.rc == rc
    found = re.findall(r"^([✓✗!]) (\S+) +(.*)$", done.out, re.M)
    assert len(found) == len(done.out.splitlines()) == len(lines)
    signs = {"ok": "✓", "fail": "✗", "warn": "!"}
    for (sign, name, rest), (result, text, remedy) in zip(found, lines.values()):
        assert sign == signs[result], name
        assert rest == text + (f"; {remedy}" if remedy else "")
    assert [name for _, name, _ in found] == list(lines)
    if rc:
        assert done.err == f"mptcp-mail-attach: check: not met: {', '.join(n for n in lines if n in failed(lines))}; " \
                           "the lines marked ✗ say what to do\n"


def test_every_requirement_has_its_line():
    if not has_hook():
        pytest.skip("this kernel has no hook: a guest with one does that")
    assert list(check()[1]) == NAMES


def test_a_remedy_wherever_something_is_wrong(service):
    for lines in (check("--cgroup", service)[1], check("--cgroup", "not-there.service")[1],
                  check(uid=65534, cwd="/")[1]):
        for name, (result, text, remedy) in lines.items():
            assert text, name
            assert bool(remedy) == (result != "ok"), name


def everything():
    def words(path, n):
        if not os.path.exists(path):
            return None
        with open(path) as f:
            return sorted(" ".join(line.split()[:n]) for line in f)
    return words("/proc/self/mounts", 4), words("/proc/modules", 1), os.path.exists(mma.PINS)


def test_changes_nothing(service):
    def prepare():
        held.append(listen(2525))
    with resident(prepare, cgroup=service):
        check("--cgroup", service)  # may load tcp_diag, as ss(8) does
        before = everything()
        check("--cgroup", service)
        check()
    assert everything() == before


def test_leaves_no_program():
    names = {"upgrade", "upgrade_2", "follow_mkdir", "follow_rmdir", "strip", "locate", "account_event", "account_accept"}

    def ours():
        return {p for p in objects()["prog"] if any(f"name {n} " in listed(p) for n in names)}

    def listed(number):
        return run(["bpftool", "prog", "show", "id", str(number)], check=False).out + " "
    before = ours()
    check()
    mma.wait_until(lambda: ours() <= before, "every program of the trials is gone")


# The caller

def test_ordinary_user():
    rc, lines = check(uid=65534, cwd="/")
    assert rc == 3 and failed(lines) == {"root"}
    assert "uid 65534" in lines["root"][1] and "run as root" in lines["root"][2]
    assert lines["trial"][0] == lines["bpffs"][0] == "warn"
    assert "upgrade" not in lines
    assert lines["cgroup2"][0] == "ok" or mma_mount() is None


def mma_mount():
    with open("/proc/self/mounts") as f:
        return next((w[1] for w in map(str.split, f) if w[2] == "cgroup2"), None)


def test_ordinary_user_and_a_service(service):
    with resident(lambda: held.append(listen(2525)), cgroup=service):
        rc, lines = check("--cgroup", service, uid=65534, cwd="/")
    assert rc == 3 and failed(lines) == {"root"}
    assert lines["cgroup"][0] == "ok"
    assert lines["namespaces"][0] == lines["listeners"][0] == "warn"


def test_root_without_a_capability():
    done = run(["setpriv", "--bounding-set=-sys_ptrace,-net_admin", mma._tool(), "--check"], check=False)
    assert done.rc == 3
    assert re.search(r"^✗ root .*without CAP_NET_ADMIN, CAP_SYS_PTRACE; ", done.out, re.M), done.out


def test_root_of_a_user_namespace():
    done = run(["unshare", "-U", "-r", mma._tool(), "--check"], check=False)
    if "unshare failed" in done.err:
        pytest.skip("no user namespaces here")
    assert done.rc == 3 and re.search(r"^✗ root .*user namespace", done.out, re.M), done.out


# The kernel and its mounts

def test_no_btf():
    rc, lines = check(prepare=private("mount -t tmpfs none /sys/kernel/btf"))
    assert rc == 3 and lines["btf"][0] == "fail" and "CONFIG_DEBUG_INFO_BTF" in lines["btf"][2]
    assert lines["hook"][0] == "warn" and "BTF" in lines["hook"][1]


def test_only_cgroup_v1_in_this_mount_namespace():
    prepare = private("umount -a -t cgroup2", "mkdir -p /tmp/v1", "mount -t tmpfs none /tmp/v1", "mkdir /tmp/v1/x",
                      "mount -t cgroup -o none,name=mma-test none /tmp/v1/x")
    try:
        for words in ([], ["--cgroup", "x.service"], ["--cgroup", "self"]):
            rc, lines = check(*words, prepare=prepare)
            assert rc == 3 and lines["cgroup2"][0] == "fail"
            assert "not mounted in this mount namespace" in lines["cgroup2"][1] and "nsenter" in lines["cgroup2"][2]
            assert "cgroup" not in lines
    finally:
        os.rmdir("/tmp/v1")


def test_a_path_that_is_refused_is_usage():
    if mma_mount() is None:
        pytest.skip("cgroup2 is not mounted here")
    done = mma.mma("--check", "--cgroup", "/tmp")
    assert (done.rc, done.out) == (2, "") and "cgroup2" in done.err


def test_not_there_yet(service):
    _, lines = check("--cgroup", f"{service}/later.service")
    assert lines["cgroup"][0] == "warn" and "does not exist yet" in lines["cgroup"][1]
    assert "listeners" not in lines


# Network namespaces

def sysctl(name, value, netns):
    mma.sysctl(name, value, netns=netns)


def test_mptcp_off(service, net):
    sysctl("net.mptcp.enabled", 0, net)
    rc, lines = check(netns=net)
    assert rc == 3 and lines["mptcp_enabled"][0] == "fail"
    assert "sysctl -w net.mptcp.enabled=1" in lines["mptcp_enabled"][2]
    assert lines["mptcp"][0] == lines["mptcp_ipv6"][0] == "ok", "switched off is not missing"
    assert check()[1]["mptcp_enabled"][0] == "ok"
    sysctl("net.mptcp.enabled", 1, net)
    assert check(netns=net)[1]["mptcp_enabled"][0] == "ok"


def test_mptcp_off_where_a_service_is(service, net):
    """MPTCP is on here, and off in one of the service's two namespaces."""
    sysctl("net.mptcp.enabled", 0, net)
    with resident(cgroup=service), resident(cgroup=service, netns=net):
        rc, lines = check("--cgroup", service)
    assert rc == 3 and lines["mptcp_enabled"][0] == "fail"
    assert f"network namespace {mma.netns_cookie(net)}: MPTCP is switched off" in lines["mptcp_enabled"][1]


def test_paths(net):
    assert check(netns=net)[1]["paths"][:2] == ("ok", "up to 2 more for each connection; 0 endpoints, 0 announced")
    run(["ip", "mptcp", "limits", "set", "subflows", "0"], netns=net)
    assert check(netns=net)[1]["paths"] == ("warn", "no additional path is allowed: a connection has one",
                                            "ip mptcp limits set subflows 2")
    run(["ip", "mptcp", "limits", "set", "subflows", "5"], netns=net)
    for n in (1, 2):
        run(["ip", "link", "add", f"v{n}", "type", "veth"], netns=net)
        run(["ip", "link", "set", f"v{n}", "up"], netns=net)
        run(["ip", "addr", "add", f"198.51.100.{n}/32", "dev", f"v{n}"], netns=net)
        assert check(netns=net)[1]["paths"][0] == ("ok", "warn")[n - 1], "one interface is one path"
    assert "2 interfaces have addresses" in check(netns=net)[1]["paths"][1]
    run(["ip", "mptcp", "endpoint", "add", "198.51.100.2", "dev", "v2", "signal"], netns=net)
    run(["ip", "mptcp", "endpoint", "add", "198.51.100.1", "dev", "v1", "subflow"], netns=net)
    assert check(netns=net)[1]["paths"][:2] == ("ok", "up to 5 more for each connection; 2 endpoints, 1 announced")


def test_a_path_manager_in_user_space(net):
    run(["ip", "mptcp", "limits", "set", "subflows", "0"], netns=net)
    sysctl("net.mptcp.pm_type", 1, net)
    assert check(netns=net)[1]["paths"][:2] == ("ok", "left to a path manager in user space")


def test_ipsec(net):
    def policy(*words):
        return run(["ip", "xfrm", "policy", *words, "src", "192.0.2.1/32", "dst", "198.51.100.0/24"], netns=net,
                   check=False)
    if policy("add", "dir", "in").rc:
        pytest.skip("no IPsec here")
    assert check(netns=net)[1]["ipsec"][0] == "ok", "incoming ones do not matter"
    policy("add", "dir", "out")
    assert check(netns=net)[1]["ipsec"][:2] == (
        "warn", "1 outgoing IPsec policies: the allowlist does not reach what they encapsulate")
    assert check()[1]["ipsec"][0] == "ok"


def counter_says(tmp_path, name, value):
    """A prepare= that makes the tool find this value in a kernel counter, in its own directory of
    /proc."""
    with open("/proc/net/netstat") as f:
        lines = f.read().splitlines()
    names, values = (line.split() for line in lines if line.startswith("MPTcpExt:"))
    values[names.index(name)] = str(value)

    fake = tmp_path / "net"
    fake.mkdir()
    (fake / "netstat").write_text("\n".join((" ".join(names), " ".join(values), "")))
    return lambda: private(f"mount --bind {fake} /proc/{os.getpid()}/task/{os.getpid()}/net")()


def test_the_kernels_table_is_full(net, tmp_path):
    assert "table" not in check(netns=net)[1]
    result, text, remedy = check(netns=net, prepare=counter_says(tmp_path, "MPFallbackTokenInit", 7))[1]["table"]
    assert result == "warn" and text.startswith("7 connections stayed TCP") and "memory" in remedy


def test_blackhole_from_the_kernels_counter(net, tmp_path):
    if not os.path.exists("/proc/sys/net/mptcp/blackhole_timeout"):
        assert check()[1]["blackhole"][0] == "warn"
        return
    drops = counter_says(tmp_path, "Blackhole", 3)
    assert check(netns=net)[1]["blackhole"][0] == "ok"
    result, text, remedy = check(netns=net, prepare=drops)[1]["blackhole"]
    assert result == "warn" and "3 times" in text and "blackhole_timeout=0" in remedy
    sysctl("net.mptcp.blackhole_timeout", 0, net)
    assert check(netns=net, prepare=drops)[1]["blackhole"][0] == "ok"


def test_how_long_a_session_without_a_path_stays(net):
    if not os.path.exists("/proc/sys/net/mptcp/close_timeout"):
        assert "60 s" in check()[1]["close_timeout"][1]
        return
    sysctl("net.mptcp.close_timeout", 17, net)
    result, text, _ = check(netns=net)[1]["close_timeout"]
    assert result == "ok" and "ends after 17 s" in text and "sysctl -w net.mptcp.close_timeout" in text


# The service

held = []


def listen(port, proto=0):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    sock.bind(("127.0.0.1", port))
    sock.listen(1)
    return sock


def test_listeners(service, net):
    assert check("--cgroup", service)[1]["listeners"][:2] == ("ok", "none yet")
    with resident(lambda: held.append(listen(25, MPTCP)), cgroup=service, netns=net):
        assert check("--cgroup", service)[1]["listeners"][:2] == ("ok", "all of them are MPTCP")
        with resident(lambda: held.append(listen(26)), cgroup=service, netns=net):
            assert check("--cgroup", service)[1]["listeners"][:2] == (
                "warn", "listening as TCP until a restart: 127.0.0.1:26")


def a_program(path):
    """Starts an idle process that runs the program at path."""
    os.makedirs(os.path.dirname(path))
    shutil.copy("/bin/sleep", path)
    os.chmod(path, stat.S_IRWXU)
    return path


def maxseg_is_answered():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as s:
        try:
            s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        except OSError:
            return False
    return True


@pytest.mark.parametrize("program, suffers", [("postfix/sbin/master", None), ("sbin/exim4", True),
                                              ("dovecot/imap", False)], ids=["postfix", "exim", "dovecot"])
def test_known_servers(service, tmp_path, program, suffers):
    if suffers is None:
        suffers = not maxseg_is_answered()
    path = a_program(str(tmp_path / program))
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        mma.join(cgroup=service)
        os.execv(path, [path, "1000"])
    try:
        os.close(write)
        os.read(read, 1)  # closed by exec
        os.close(read)
        result, text, remedy = check("--cgroup", service)[1]["server"]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert result == ("warn" if suffers else "ok"), text
    if suffers:
        assert program.split("/")[0][:4] in text.lower() or "exim" in text.lower()
        assert "--enable" in remedy


SYSTEMCTL = """#!/bin/sh
case "$*" in
*mma-audit*) echo "Id=$5"; echo LoadState=loaded; echo ActiveState=active; echo "TriggeredBy={triggers}" ;;
*dovecot.socket*) echo Id=dovecot.socket; echo LoadState=loaded; echo ActiveState={state} ;;
esac
"""


@pytest.mark.parametrize("triggers, state, result", [("dovecot.socket", "active", "warn"),
                                                     ("dovecot.socket", "inactive", "ok"), ("", "", "ok")])
def test_socket_activation(service, tmp_path, triggers, state, result):
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(triggers=triggers, state=state))
    systemctl.chmod(0o755)
    env = dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}")
    prepare = private("mount -t tmpfs none /run", "mkdir -p /run/systemd/system")
    _, lines = check("--cgroup", service, env=env, prepare=prepare)
    assert lines["socket_unit"][0] == result
    assert ("dovecot.socket makes sockets" in lines["socket_unit"][1]) == (result == "warn")
    if not os.path.exists("/run/systemd/system"):
        assert "socket_unit" not in check("--cgroup", service)[1]
