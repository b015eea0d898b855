# SPDX-License-Identifier: GPL-2.0-only
"""Container engines, and what the tests ask of them. No image comes from a registry: each holds
the tests' own server and busybox, packed here."""

import collections
import contextlib
import io
import json
import os
import pickle
import select
import shutil
import socket
import tarfile
import time

import mma
from mma import MPTCP, run, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = f"{HERE}/../server"
BUSYBOX = shutil.which("busybox")
WRAPPER = "/etc/mptcp-mail-attach/runtime"
HOOK = "/usr/libexec/mptcp-mail-attach/hook"
IMAGE = "mail"
LISTED, UNLISTED = 25, 2525
SERVES = ["/server", str(LISTED), str(UNLISTED)]
BOTH_MPTCP, BOTH_TCP = {LISTED: 262, UNLISTED: 262}, {LISTED: 6, UNLISTED: 6}
TIMEOUT = 120
# Starts and restarts per engine; make check-long sets 20.
STARTS = int(os.environ.get("MMA_STARTS", "2"))


def set_up():
    os.makedirs("/etc/docker", exist_ok=True)
    with open("/etc/docker/daemon.json", "w") as f:
        json.dump({"runtimes": {"mptcp-mail": {"path": WRAPPER}}}, f)


def image():
    """A root file system, as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(SERVER, "server")
        tar.add(os.path.realpath(BUSYBOX), "bin/busybox")
        for name in ("bin/sh", "bin/sleep"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    with open("/run/image.tar", "wb") as f:
        f.write(out.getvalue())
    return "/run/image.tar"


def example(name):
    """One of the package's example files. The guest's dpkg leaves out documentation."""
    for where in ("/usr/share/doc/mptcp-mail-attach", f"{HERE}/.."):
        path = f"{where}/examples/containers/{name}"
        if os.path.exists(path):
            with open(path) as f:
                return f.read()
    raise FileNotFoundError(name)


Place = collections.namedtuple("Place", "pid addr netns cgroup")


class Engine:
    def __init__(self, name, service, ask):
        self.name, self.service, self.ask = name, service, ask

    def __call__(self, *args, **kwargs):
        return run([self.name, *args], timeout=TIMEOUT, **kwargs).out.strip()

    def set_up(self):
        for service in self.service:
            run(["systemctl", "start", service], timeout=TIMEOUT)
        self("import", image(), IMAGE)

    def run(self, name, *options, ask=True, check=True, image=IMAGE, command=SERVES):
        """Runs a container with the server, which listens on both ports."""
        return self("run", "-d", "--name", name, *(self.ask if ask else ()), *options, image, *command,
                    check=check)

    def remove(self, *names):
        self("rm", "-f", *(["-t", "0"] if self.name == "podman" else []), *names)

    def protocols(self, name, starts=1):
        """{port: SO_PROTOCOL} of the first sockets after its last start, as the server reports
        them."""
        def lines():
            found = self("logs", name).splitlines()
            return found if len(found) >= starts else None
        return protocols(wait_until(lines, f"{name}: its server tells its sockets", 30)[starts - 1])

    def place(self, name):
        """The place of a container with one network."""
        pid, addr = self("inspect", "-f", "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                         name).split()
        with open(f"/proc/{pid}/cgroup") as f:
            path = f.read().strip().removeprefix("0::")
        return Place(int(pid), addr, f"/proc/{pid}/ns/net", mma.CGROUPS + path)


DOCKER = Engine("docker", ["docker"], ["--runtime", "mptcp-mail"])
PODMAN = Engine("podman", ["dbus"], ["--annotation", "mptcp-mail-attach=1"])


class Outside:
    """Another host: a network namespace behind a veth."""
    NAME, HOST, ADDR = "outside", "198.51.100.1", "198.51.100.2"

    def __init__(self):
        run(["ip", "netns", "add", self.NAME])
        run(["ip", "-batch", "-"], stdin=f"""
            link add out0 type veth peer name c0 netns {self.NAME}
            addr add {self.HOST}/24 dev out0
            link set out0 up
        """)
        run(["ip", "-n", self.NAME, "-batch", "-"], stdin=f"""
            addr add {self.ADDR}/24 dev c0
            link set lo up
            link set c0 up
        """)

    def greeting(self, port):
        return greeting(self.HOST, port, netns=self.NAME)


def greeting(addr, port, **place):
    """What an MPTCP client sees: (SO_PROTOCOL at the server's end, whether our end is MPTCP)."""
    with mma.connect(addr, port, proto=MPTCP, **place) as conn:
        word = conn.recv(16)
        assert word, f"{addr}:{port} closed the connection"
        return int(word), mma.is_mptcp(conn)


class Violation(AssertionError):
    pass


class Hammer:
    """MPTCP clients, in a process of their own, that connect to the unlisted port of containers
    from the first moment that it answers. targets: [(address, port, netns)]."""

    def __init__(self, targets):
        self.here, there = socket.socketpair()
        self.pid, self.outcome = mma.fork(self._loop, there, targets)
        there.close()

    def _loop(self, there, targets):
        self.here.close()
        answered = collections.Counter()
        while not select.select([there], [], [], 0)[0]:
            for addr, port, netns in targets:
                with mma.make_socket(proto=MPTCP, **({"netns": netns} if netns else {})) as sock:
                    sock.settimeout(0.2)
                    try:
                        sock.connect((addr, port))
                    except OSError:
                        continue
                    answered[addr, port] += 1
                    if mma.is_mptcp(sock):
                        raise Violation(f"{addr}:{port}, which is not on the list, spoke MPTCP")
        return answered

    def stop(self):
        """{(address, port): connections}"""
        self.here.close()
        with os.fdopen(self.outcome, "rb") as f:
            ok, value = pickle.loads(f.read())
        os.waitpid(self.pid, 0)
        if not ok:
            raise Violation(value[3])
        return value


def protocols(line):
    """{port: SO_PROTOCOL} from the line that the server prints when it starts."""
    return {int(port): int(protocol) for port, protocol in (word.split("=") for word in line.split())}


def by_id():
    """The containers that --status lists."""
    return [s for s in mma.status()["services"] if s["path"].startswith("id:")]


def log_lines():
    """Our lines in the system log since the boot."""
    run(["journalctl", "--sync"])
    return run(["journalctl", "-b", "-o", "cat", "--no-pager", "-t", "mptcp-mail-attach"]).out.splitlines()


@contextlib.contextmanager
def silence():
    """Asserts that the log gains no line."""
    before = log_lines()
    yield
    assert log_lines()[len(before):] == []


class One:
    """The one line that the log has gained, and how long that took."""

    def __enter__(self):
        self.before, self.begun = len(log_lines()), time.monotonic()
        return self

    def done(self):
        self.took = time.monotonic() - self.begun

    def __exit__(self, *exception):
        if exception[0] is None:
            [self.line] = log_lines()[self.before:]
