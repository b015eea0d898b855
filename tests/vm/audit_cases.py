# SPDX-License-Identifier: GPL-2.0-only
"""--audit against real sockets. The cases run natively (tests/system), in guests and on Linux 6.1
(nohook): audit needs no hook. No case depends on timing: a line on stderr says when the cgroup is
watched."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

import pytest

import bpfsys
import mma
from mma import MPTCP, TCP, Cgroup, inside, objects, resident, run, so_protocol, unshare, wait_until

CLONE_NEWNET = 0x40000000
SOCK_OPS, CGROUP_SOCK_OPS = 13, 3
ADDRESS = "192.0.2.1"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


def cgroup2():
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as f:
        return next((w[1] for w in map(str.split, f) if w[2] == "cgroup2"), None)


@pytest.fixture
def service():
    mount = cgroup2()
    if mount is None:
        pytest.skip("cgroup2 is not mounted here")
    group = Cgroup(f"mma-audit-{os.getpid()}.service", mount)
    yield group
    group.remove()


@pytest.fixture
def net():
    """A network namespace with IPv6 and an address other than 127.0.0.1."""
    def prepare():
        unshare(CLONE_NEWNET)
        run(["ip", "link", "set", "lo", "up"])
        run(["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"])
    with resident(prepare) as pid:
        yield f"/proc/{pid}/ns/net"


class Audit:
    """Runs the tool. The constructor returns once the tool has said that it watches."""

    def __init__(self, cgroup, *args, says=": watching;", ignore=()):
        def prepare():
            for number in ignore:
                signal.signal(number, signal.SIG_IGN)
        self.process = subprocess.Popen(
            [mma._tool(), "--audit", "--cgroup", str(cgroup), "--json", *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, preexec_fn=prepare)
        self.said = b""
        self.wait_for(says)

    def wait_for(self, words):
        """Reads stderr until a complete line contains these words. Each line up to there counts
        once: "does not exist yet; watching starts…" must not satisfy a later wait for
        "watching"."""
        end = time.monotonic() + 60
        line = re.compile(re.escape(words.encode()) + rb"[^\n]*\n")
        while not line.search(self.said):
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.process.stderr], [], [], left)[0]
            more = ready and os.read(self.process.stderr.fileno(), 4096)
            assert more, f"{words!r} was not said, only {self.said}"
            self.said += more
        self.said = line.split(self.said, maxsplit=1)[1]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        return json.loads(out)

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=20)


@contextlib.contextmanager
def auditing(*args, **kwargs):
    audit = Audit(*args, **kwargs)
    try:
        yield audit
    finally:
        audit.kill()


def programs_on(cgroup):
    got = run(["bpftool", "-j", "cgroup", "show", str(cgroup)]).out
    return {p["id"] for p in json.loads(got.strip() or "[]")}


def rows(report):
    """{(port, role): [row]}"""
    found = {}
    for row in report["ports"]:
        found.setdefault((row["port"], row["role"]), []).append(row)
    return found


def only(report, port, role="listen"):
    row, = rows(report)[port, role]
    return row


def name_me(name):
    with open("/proc/self/comm", "w") as f:
        f.write(name)


def listen(port, addr="", family=socket.AF_INET, proto=0):
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((addr, port))
    sock.listen(8)
    return sock


def serve(ports, connections=0, name="served", proto=0):
    """Listens on each (addr, port), makes that many connections to each from the namespace's
    address, and returns the protocols of the listeners."""
    name_me(name)
    socks = [listen(port, addr, socket.AF_INET6 if ":" in addr else socket.AF_INET, proto) for addr, port in ports]
    for sock in socks:
        for _ in range(connections):
            family = sock.family
            target = "::1" if family == socket.AF_INET6 else ADDRESS
            with socket.create_connection((target, sock.getsockname()[1]), 20) as client:
                server, _ = sock.accept()
                with server:
                    server.sendall(b"220")
                    assert client.recv(3) == b"220"
    return [so_protocol(sock) for sock in socks]


def test_a_server(service, net):
    with auditing(service) as audit:
        ports = [("0.0.0.0", 25), ("::", 143), ("127.0.0.1", 10025), ("::1", 10026), ("::ffff:127.0.0.1", 10027)]
        assert inside(serve, ports[:2], 3, cgroup=service, netns=net) == [TCP, TCP]
        inside(serve, ports[2:], cgroup=service, netns=net)
        report = audit.end()
    assert report["lists"]["suggested"] == "25/listen,143/listen"
    assert report["lists"]["loopback"] == "143/connect,10025-10027/listen"
    assert only(report, 25)["connections"] == only(report, 143)["connections"] == 3
    assert only(report, 25)["command"] == "served"
    assert only(report, 25)["existing"] is False
    assert [only(report, p)["loopback"] for p in (25, 143, 10025, 10026, 10027)] == [False, False, True, True, True]
    assert report["lost"] == 0


def test_a_client(service, net):
    def deliver():
        name_me("deliver")
        for port in (25, 25, 3306):
            socket.create_connection((ADDRESS, port), 20).close()
        socket.create_connection(("127.0.0.1", 10024), 20).close()
        refused = socket.socket()
        assert refused.connect_ex((ADDRESS, 587)) != 0

    def others():
        return [listen(port, "0.0.0.0") for port in (25, 3306, 10024)]
    with auditing(service) as audit:
        with resident(lambda: held.extend(others()), netns=net):
            inside(deliver, cgroup=service, netns=net)
        report = audit.end()
    assert {k: [(r["command"], r["connections"]) for r in v] for k, v in rows(report).items()} == {
        (25, "connect"): [("deliver", 2)], (3306, "connect"): [("deliver", 1)],
        (587, "connect"): [("deliver", 1)], (10024, "connect"): [("deliver", 1)]}
    assert report["lists"] == {"suggested": "", "outgoing": "25/connect,587/connect", "loopback": "10024/connect",
                               "ephemeral": "", "not_mail": "3306/connect"}


held = []  # the resident's sockets, open as long as it lives


def test_each_command_has_its_row(service, net):
    with auditing(service) as audit:
        for name in ("smtpd", "a\x1b[31mb", "sm\xfctp"):
            inside(serve, [("0.0.0.0", 25)], 1, name, cgroup=service, netns=net)
        report = audit.end()
    assert sorted(r["command"] for r in rows(report)[25, "listen"]) == ["a\x1b[31mb", "smtpd", "sm\xfctp"]
    assert sum(r["connections"] for r in rows(report)[25, "connect"]) == 3


def test_listeners_from_before(service, net):
    def prepare():
        name_me("early")
        held.extend([listen(110, "0.0.0.0"), listen(995, "::", socket.AF_INET6), listen(10025, "127.0.0.1"),
                     listen(465, "0.0.0.0", proto=MPTCP)])
    with resident(prepare, cgroup=service, netns=net):
        with auditing(service) as audit:
            report = audit.end()
    assert report["lists"]["suggested"] == "110/listen,465/listen,995/listen"
    assert report["lists"]["loopback"] == "10025/listen"
    for port in (110, 465, 995, 10025):
        assert only(report, port)["command"] == "early"
        assert only(report, port)["existing"] is True


def test_ephemeral_listeners(service, net):
    def passive_ftp():
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            first, last = map(int, f.read().split())
        return [listen(port, "0.0.0.0") and port for port in (first - 1, first, last, last + 1)]
    with auditing(service) as audit:
        a, b, c, d = inside(passive_ftp, cgroup=service, netns=net)
        report = audit.end()
    assert report["lists"]["suggested"] == f"{a}/listen,{d}/listen"
    assert report["lists"]["ephemeral"] == f"{b}/listen,{c}/listen"


def test_mptcp_sockets_count_like_tcp(service, net):
    if inside(run, ["sysctl", "-n", "net.mptcp.enabled"], netns=net).out.strip() != "1":
        pytest.skip("no MPTCP here")

    def talk():
        name_me("native")
        with listen(25, "0.0.0.0", proto=MPTCP) as server:
            for _ in range(2):
                with socket.socket(proto=MPTCP) as client:
                    client.connect((ADDRESS, 25))
                    server.accept()[0].close()
    with auditing(service) as audit:
        inside(talk, cgroup=service, netns=net)
        report = audit.end()
    assert [(r["port"], r["role"], r["command"], r["connections"]) for r in report["ports"]] == [
        (25, "listen", "native", 2), (25, "connect", "native", 2)]


def test_only_this_cgroup_and_below(service, net):
    child, sibling = service.child("worker"), Cgroup(f"{service.name}.other", os.path.dirname(service.dir))
    try:
        with auditing(service) as audit:
            inside(serve, [("0.0.0.0", 25)], cgroup=child, netns=net)
            inside(serve, [("0.0.0.0", 26)], cgroup=sibling, netns=net)
            inside(serve, [("0.0.0.0", 27)], netns=net)
            report = audit.end()
    finally:
        sibling.remove()
    assert {r["port"] for r in report["ports"]} == {25}


def test_udp_and_bind_are_no_ports(service, net):
    def other_things():
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as bound:
            udp.bind(("", 53))
            udp.connect((ADDRESS, 53))
            bound.bind(("", 26))
    with auditing(service) as audit:
        inside(other_things, cgroup=service, netns=net)
        assert audit.end()["ports"] == []


def test_through_a_restart(service, net):
    with auditing(service, "-v") as audit:
        inside(serve, [("0.0.0.0", 25)], cgroup=service, netns=net)
        os.rmdir(service.dir)
        audit.wait_for(" gone;")
        service.make()
        audit.wait_for(": watching")
        inside(serve, [("0.0.0.0", 26)], cgroup=service, netns=net)
        report = audit.end()
    assert report["lists"]["suggested"] == "25-26/listen"


def test_listeners_of_a_quick_restart(service, net):
    """Listeners created after the new cgroup, but before audit looks at it, are listed."""
    def prepare():
        held.append(listen(26, "0.0.0.0"))
    with auditing(service, "-v") as audit:
        audit.process.send_signal(signal.SIGSTOP)
        service.restart()
        with resident(prepare, cgroup=service, netns=net):
            audit.process.send_signal(signal.SIGCONT)
            audit.wait_for(": watching")
            report = audit.end()
    assert only(report, 26)["existing"] is True


def test_before_it_exists(service, net):
    late = Cgroup("late.service", f"{service}/some.slice", make=False)
    with auditing(late, "-v", says="does not exist yet") as audit:
        os.mkdir(os.path.dirname(late.dir))
        late.make()
        audit.wait_for(": watching")
        inside(serve, [("0.0.0.0", 25)], cgroup=late, netns=net)
        report = audit.end()
    assert report["lists"]["suggested"] == "25/listen"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT],
                         ids=lambda n: n.name)
def test_ends_on_signals_with_a_report(service, net, number):
    with auditing(service) as audit:
        inside(serve, [("0.0.0.0", 25)], cgroup=service, netns=net)
        ids = programs_on(service)
        assert len(ids) == 1
        report = audit.end(number)
    assert report["lists"]["suggested"] == "25/listen"
    assert programs_on(service) == set()
    wait_until(lambda: not ids & objects()["prog"], "the program is gone")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1, signal.SIGPIPE],
                         ids=lambda n: n.name)
def test_nothing_stays_whatever_kills_it(service, net, number):
    with auditing(service) as audit:
        ids = programs_on(service)
        assert len(ids) == 1
        audit.process.send_signal(number)
        audit.process.communicate(timeout=20)
        assert audit.process.returncode == -number
    wait_until(lambda: not programs_on(service), "it is off the cgroup")
    wait_until(lambda: not ids & objects()["prog"], "the program is gone")
    assert inside(serve, [("0.0.0.0", 25)], 2, cgroup=service, netns=net) == [TCP]


def test_an_ignored_signal_stays_ignored(service, net):
    """nohup"""
    with auditing(service, ignore=[signal.SIGHUP]) as audit:
        audit.process.send_signal(signal.SIGHUP)
        audit.process.send_signal(signal.SIGSTOP)
        audit.process.send_signal(signal.SIGCONT)
        inside(serve, [("0.0.0.0", 25)], cgroup=service, netns=net)
        assert audit.process.poll() is None
        assert audit.end()["lists"]["suggested"] == "25/listen"


def test_duration(service):
    begun = time.monotonic()
    done = mma.mma("--audit", "--cgroup", service, "--duration", 1, "--json", check=True)
    assert 1 <= time.monotonic() - begun < 15
    assert 1 <= json.loads(done.out)["seconds"] < 15


def test_text(service, net):
    done = mma.mma("--audit", "--cgroup", service, "--duration", 1, "-q", check=True)
    assert done.err == ""
    assert done.out == (f"/{service.name}, watched for 1 s\n\nno listener, and no TCP connection\n\n"
                        "Suggested: nothing: the service listened on no port that others can reach\n")

    def prepare():
        held.extend([listen(25, "0.0.0.0"), listen(4190, "0.0.0.0")])
    with resident(prepare, cgroup=service, netns=net):
        out = mma.mma("--audit", "--cgroup", service, "--duration", 1, check=True).out
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"^   25  listen   \S+ +0$", out, re.M)
    suggestion = re.search(r"^Suggested: --port (\S+)$", out, re.M).group(1)
    assert suggestion == "25/listen,4190/listen"
    # --port accepts the suggestion: only the combination is refused.
    assert "does not go with" in mma.mma("--port", suggestion, "--status").err


def test_output_that_cannot_be_written(service):
    done = run(["sh", "-c", f"{mma._tool()} --audit --cgroup {service} --duration 1 -q >/dev/full"], check=False)
    assert done.rc == 1 and "cannot be written" in done.err
    assert programs_on(service) == set()


def test_not_root(service):
    done = mma.mma("--audit", "--cgroup", service, uid=65534, cwd="/")
    assert (done.rc, done.out) == (1, "") and "root" in done.err


def sock_ops_program():
    """r0 = 1; exit"""
    code = struct.pack("=BBhi", 0xb7, 0, 0, 1) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    text, gpl = (bpfsys.ctypes.create_string_buffer(b) for b in (code, b"GPL"))
    address = bpfsys.ctypes.addressof
    return bpfsys.bpf(5, bytearray(struct.pack("=IIQQ", SOCK_OPS, 2, address(text), address(gpl)) + bytes(96)))


def test_a_program_above_that_forbids_others(service):
    """A program attached without ALLOW_MULTI."""
    program = sock_ops_program()
    where = os.open(service.dir, os.O_RDONLY)
    try:
        bpfsys.bpf(8, bytearray(struct.pack("=IIII", where, program, CGROUP_SOCK_OPS, 0) + bytes(16)))
        done = mma.mma("--audit", "--cgroup", service.child())
        assert (done.rc, done.out) == (1, "")
        assert "another sock_ops program" in done.err
        bpfsys.bpf(9, bytearray(struct.pack("=IIII", where, program, CGROUP_SOCK_OPS, 0) + bytes(16)))
    finally:
        os.close(where)
        os.close(program)
