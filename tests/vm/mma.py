# SPDX-License-Identifier: GPL-2.0-only
"""What the VM tests share: the tool, cgroups, network namespaces, and processes and sockets in
them. The fixtures are in conftest.py.

Wherever possible a process is forked, not executed: starting python takes a second under
emulation. A socket that must be created in some place (a cgroup, a namespace) is created there by
a child, which passes the descriptor back. The socket keeps that place, whoever uses it."""

import collections
import contextlib
import ctypes
import itertools
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

from bpfsys import Map, map_dict, objects, PINS  # noqa: F401 (for the tests)

HERE = os.path.dirname(os.path.abspath(__file__))
CGROUPS = "/sys/fs/cgroup"
TCP, MPTCP = socket.IPPROTO_TCP, 262
SOL_MPTCP, MPTCP_INFO = 284, 1
SO_PROTOCOL, SO_NETNS_COOKIE = 38, 71

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count(1)

Result = collections.namedtuple("Result", "rc out err")


def _tool():
    for path in (os.environ.get("MMA_TOOL"), f"{HERE}/mptcp-mail-attach",
                 f"{HERE}/../../build/mptcp-mail-attach"):
        if path and os.path.exists(path):
            return os.path.abspath(path)
    raise FileNotFoundError("mptcp-mail-attach: build it first (make), or name it in MMA_TOOL")


def wait_until(condition, what, seconds=20):
    """Polls until condition() is true, and returns its value. For what the kernel does in its own
    time (RCU, work queues); never sleep a fixed time for that."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


# Places

def join(cgroup=None, netns=None, uid=None):
    """Moves this process. cgroup: a Cgroup or a directory; netns: a name (ip netns) or a path."""
    if cgroup is not None:
        with open(f"{cgroup}/cgroup.procs", "w") as f:
            f.write("0")
    if netns is not None:
        fd = os.open(netns if netns.startswith("/") else f"/run/netns/{netns}", os.O_RDONLY)
        if _libc.setns(fd, 0x40000000):
            raise OSError(ctypes.get_errno(), f"setns {netns}")
        os.close(fd)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def unshare(flags):
    if _libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


class Cgroup:
    """A cgroup of the v2 hierarchy. The constructor creates it unless told otherwise."""

    def __init__(self, name=None, parent=CGROUPS, make=True):
        self.name = name or f"t{next(_serial)}.service"
        self.dir = f"{parent}/{self.name}"
        if make:
            self.make()

    def __str__(self):
        return self.dir

    @property
    def path(self):
        """As it is in the map `paths`."""
        return self.dir[len(CGROUPS):]

    @property
    def id(self):
        """On 64-bit machines, the inode number."""
        return os.stat(self.dir).st_ino

    def make(self):
        os.mkdir(self.dir)
        return self

    def child(self, name=None, make=True):
        return Cgroup(name, self.dir, make)

    def remove(self):
        """Removes it with all cgroups below it, and kills their processes."""
        if not os.path.isdir(self.dir):
            return
        with open(f"{self.dir}/cgroup.kill", "w") as f:
            f.write("1")
        wait_until(lambda: "populated 0" in open(f"{self.dir}/cgroup.events").read(),
                   f"{self.dir}: processes end")
        for path, _, _ in os.walk(self.dir, topdown=False):
            os.rmdir(path)

    def restart(self):
        """Does what the restart of a service does to its cgroup."""
        os.rmdir(self.dir)
        self.make()


class Net:
    """Two network namespaces, `server` and `client`, joined by a veth pair: s0 in server, c0 in
    client."""

    NAMES = "server{}", "client{}"
    V4 = {"server": "192.0.2.1", "client": "192.0.2.2"}
    V6 = {"server": "2001:db8::1", "client": "2001:db8::2"}

    def __init__(self):
        n = next(_serial)
        self.server, self.client = (name.format(n) for name in self.NAMES)
        run(["ip", "netns", "add", self.server])
        run(["ip", "netns", "add", self.client])
        run(["ip", "-n", self.server, "link", "add", "s0", "type", "veth", "peer", "name", "c0",
             "netns", self.client])
        for side, name, dev in (("server", self.server, "s0"), ("client", self.client, "c0")):
            run(["ip", "-n", name, "-batch", "-"], stdin=(
                f"addr add {self.V4[side]}/24 dev {dev}\n"
                f"addr add {self.V6[side]}/64 dev {dev} nodad\n"
                f"link set lo up\nlink set {dev} up\n"))

    def remove(self):
        for name in (self.server, self.client):
            run(["ip", "netns", "del", name])


def sysctl(name, value=None, netns=None):
    """Reads or writes a sysctl such as net.mptcp.enabled, optionally in a namespace."""
    path = "/proc/sys/" + name.replace(".", "/")
    if netns is not None:
        return inside(sysctl, name, value, netns=netns)
    if value is None:
        with open(path) as f:
            return f.read().strip()
    with open(path, "w") as f:
        f.write(str(value))
    return None


# Processes

def run(argv, stdin=None, check=True, timeout=60, env=None, cwd=None, prepare=None, **place):
    """Runs a program in a place until it ends."""
    def before():
        join(**place)
        if prepare:
            prepare()
    p = subprocess.run(argv, input=stdin, text=True, errors="surrogateescape", timeout=timeout,
                       capture_output=True, env=env, cwd=cwd,
                       preexec_fn=before if place or prepare else None,
                       **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    if check:
        assert p.returncode == 0, f"{argv}: exit {p.returncode}\n{p.stdout}{p.stderr}"
    return Result(p.returncode, p.stdout, p.stderr)


def mma(*args, check=False, **kwargs):
    """Runs the tool: Result(rc, out, err). check=True asserts success."""
    return run([_tool(), *map(str, args)], check=check, **kwargs)


def without_function(function, path):
    """Makes a copy of the tool that sees a kernel without this function: the copy looks for a name
    that no kernel has."""
    with open(_tool(), "rb") as f:
        data = f.read()
    assert data.count(function.encode() + b"\0") >= 2
    with open(path, "wb") as f:
        f.write(data.replace(function.encode() + b"\0", function[:-1].encode() + b"X\0"))
    os.chmod(path, 0o755)
    return str(path)


def attach(cgroup, *args, **kwargs):
    return mma("--cgroup", cgroup, *args, check=True, **kwargs)


def port_key(port):
    """A key of `ports`, as the words of a bpftool command."""
    return [str(byte) for byte in port.to_bytes(2, sys.byteorder)]


def status():
    return json.loads(mma("--status", "--json", check=True).out)


def check(*args, **kwargs):
    """Runs --check --json: its exit code and {name: (result, text, remedy)}."""
    done = mma("--check", "--json", *args, **kwargs)
    found = json.loads(done.out)
    assert set(found) == {"schema", "version", "checks"} and found["schema"] == 1
    lines = {c["name"]: (c["result"], c["text"], c["remedy"]) for c in found["checks"]}
    assert done.rc == (3 if any(r == "fail" for r, _, _ in lines.values()) else 0), done
    return done.rc, lines


def netns_cookie(netns=None):
    """The cookie of a namespace. The initial namespace has one, too, which need not be 1 (7.3)."""
    def read():
        with socket.socket(socket.AF_UNIX) as s:
            return struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0]
    return inside(read, netns=netns) if netns else read()


def netns_status(netns=None):
    """What --status --json reports about this namespace."""
    cookie = netns_cookie(netns)
    return next(n for n in status()["netns"] if n["cookie"] == cookie)


def service(cgroup):
    """What --status --json reports about this cgroup, or None."""
    path = cgroup.path if isinstance(cgroup, Cgroup) else cgroup
    return next((s for s in status()["services"] if s["path"] == path), None)


COUNTERS = ("upgraded", "kept_mptcp_off", "kept_netns_uncovered", "kept_no_family", "kept_unknown",
            "stripped_syn", "stripped_synack", "restarts", "connections_unaccounted",
            "kept_no_listed_port")


def counters(cgroup):
    """The counters of an attached path, read from the maps, which is cheaper than --status."""
    slot = map_dict("paths")[str(getattr(cgroup, "path", cgroup))][0]
    with Map("stats") as stats:
        return dict(zip(COUNTERS, stats.get(slot)))


def fork(function, *args, **place):
    """Forks a child that runs function(*args) in a place. Returns its pid and a pipe that delivers
    the pickled outcome."""
    sys.stdout.flush()
    r, w = os.pipe()
    pid = os.fork()
    if pid:
        os.close(w)
        return pid, r
    code = 1
    try:
        os.close(r)
        try:
            join(**place)
            outcome = (True, function(*args))
        except BaseException as e:  # noqa: BLE001 (goes to the parent)
            outcome = (False, (type(e), str(e), getattr(e, "errno", None), traceback.format_exc()))
        with os.fdopen(w, "wb") as f:
            pickle.dump(outcome, f)
        code = 0
    finally:
        os._exit(code)


def inside(function, *args, **place):
    """Runs function(*args) in a child in a place. Returns its result or raises its exception (an
    OSError stays one)."""
    pid, r = fork(function, *args, **place)
    with os.fdopen(r, "rb") as f:
        data = f.read()
    os.waitpid(pid, 0)
    assert data, "the child died"
    ok, value = pickle.loads(data)
    if ok:
        return value
    kind, text, number, trace = value
    if number is not None and issubclass(kind, OSError):
        raise OSError(number, text)
    raise AssertionError(f"in a child: {trace}")


@contextlib.contextmanager
def resident(prepare=None, **place):
    """Starts an idle process in a place, and returns its pid."""
    ready_r, ready_w = os.pipe()

    def wait():
        if prepare:
            prepare()
        os.write(ready_w, b".")
        os.close(ready_w)
        signal.pause()
    pid, r = fork(wait, **place)
    os.close(ready_w)
    ok = os.read(ready_r, 1)
    os.close(ready_r)
    os.close(r)
    try:
        assert ok, "the resident could not settle"
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


# Sockets

def so_protocol(sock):
    return sock.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL)


def make_socket(family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0, **place):
    """Calls socket(2) in a place."""
    if not place:
        return socket.socket(family, kind, proto)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        def make():
            with socket.socket(family, kind, proto) as s:
                socket.send_fds(there, [b"."], [s.fileno()])
        inside(make, **place)
        _, fds, _, _ = socket.recv_fds(here, 1, 1)
        return socket.socket(fileno=fds[0])


def _listen(sock, port, addr=""):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((addr, port))
    sock.listen(64)
    sock.settimeout(20)
    return sock


def listen(port, addr="", family=socket.AF_INET, proto=0, **place):
    """Creates a listener; port 0 lets the kernel choose."""
    return _listen(make_socket(family, socket.SOCK_STREAM, proto, **place), port, addr)


def connect(addr, port, family=socket.AF_INET, proto=MPTCP, **place):
    sock = make_socket(family, socket.SOCK_STREAM, proto, **place)
    sock.settimeout(20)
    sock.connect((addr, port))
    return sock


def is_mptcp(conn):
    """Whether this end of a connection speaks MPTCP: it is neither TCP nor fallen back."""
    if so_protocol(conn) != MPTCP:
        return False
    try:
        info = conn.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
    except OSError:  # EOPNOTSUPP: fallen back
        return False
    flags = struct.unpack_from("=I", info, 8)[0]
    return not flags & 1 and bool(flags & 2)  # FALLBACK, REMOTE_KEY_RECEIVED


Connection = collections.namedtuple("Connection", "client server")  # bool: MPTCP at this end


def try_connection(listener, client):
    """Connects client to listener, sends a byte each way, closes both ends, and returns whether
    each end was MPTCP."""
    port = listener.getsockname()[1]
    addr = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[client.family]
    with client:
        client.settimeout(20)
        client.connect((addr, port))
        server, _ = listener.accept()
        with server:
            server.settimeout(20)
            client.sendall(b"?")
            assert server.recv(1) == b"?"
            server.sendall(b"!")
            assert client.recv(1) == b"!"
            return Connection(is_mptcp(client), is_mptcp(server))
