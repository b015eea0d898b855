# SPDX-License-Identifier: GPL-2.0-only
"""Evidence from the kernel. The server's own sockets are asked, through duplicates of its file
descriptors (pidfd_getfd(2)): the server is unmodified and does not notice."""

import ctypes
import errno
import json
import os
import re
import socket
import struct
import subprocess

TCP, MPTCP = socket.IPPROTO_TCP, 262
SOL_MPTCP, MPTCP_INFO = 284, 1
FLAG_FALLBACK, FLAG_REMOTE_KEY = 1, 2
SYS_PIDFD_GETFD = 438

NAMES = {TCP: "TCP", MPTCP: "MPTCP"}

_libc = ctypes.CDLL(None, use_errno=True)


def protocol(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)


class Info:
    """MPTCP_INFO of a socket. Falsy if the kernel returns none: fallen back, or TCP."""

    def __init__(self, sock):
        self.flags = self.token = None
        try:
            data = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)
            self.flags, self.token = struct.unpack_from("=II", data, 8)
            self.why = ""
        except OSError as error:
            # Two names for one number; the manual pages use this one.
            self.why = errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")

    def __bool__(self):
        return self.flags is not None and bool(self.flags & FLAG_REMOTE_KEY) \
            and not self.flags & FLAG_FALLBACK

    def __str__(self):
        if self.flags is None:
            return f"MPTCP_INFO: {self.why}, fell back to TCP"
        fallback = "FALLBACK" if self.flags & FLAG_FALLBACK else "no fallback"
        return f"MPTCP_INFO: {fallback} ({self.flags:#x}), token {self.token:08x}"


class End:
    """One end of a connection, or a listener, as the kernel reports it now."""

    def __init__(self, sock, process=""):
        self.protocol = protocol(sock)
        self.info = Info(sock)
        self.local = sock.getsockname()[:2]
        self.process = process

    def mptcp(self):
        return self.protocol == MPTCP and bool(self.info)

    def __str__(self):
        info = f", {self.info}" if self.protocol == MPTCP else " (TCP)"
        return f"SO_PROTOCOL {self.protocol}{info}"


def cgroup_of(unit):
    """Directory of a unit's cgroup, from systemd."""
    path = subprocess.run(["systemctl", "show", "--value", "-p", "ControlGroup", unit],
                          stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return f"/sys/fs/cgroup{path}" if path else None


def _duplicate(pid, fd):
    handle = os.pidfd_open(pid)
    try:
        got = _libc.syscall(SYS_PIDFD_GETFD, handle, fd, 0)
    finally:
        os.close(handle)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(fileno=got)


def _sockets(unit):
    """Every internet stream socket of a unit's processes, as (socket, process); each once."""
    seen = set()
    with open(f"/sys/fs/cgroup/system.slice/{unit}/cgroup.procs", encoding="ascii") as f:
        pids = [int(pid) for pid in f]
    for pid in pids:
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                process = f"{f.read().strip()}, pid {pid}"
            fds = [(int(fd), os.readlink(f"/proc/{pid}/fd/{fd}"))
                   for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue  # the process has ended
        for fd, name in fds:
            if not name.startswith("socket:") or name in seen:
                continue
            seen.add(name)
            try:
                sock = _duplicate(pid, fd)
            except OSError:
                continue
            with sock:
                if sock.family in (socket.AF_INET, socket.AF_INET6) \
                        and sock.type == socket.SOCK_STREAM:
                    yield sock, process


def listeners(unit):
    """{(address, port): End} of a unit."""
    try:
        return {end.local: end for end in
                (End(s, p) for s, p in _sockets(unit)
                 if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))}
    except FileNotFoundError:
        return {}  # no cgroup: not running


def find(unit, matches):
    """The End of a unit's first connected socket that matches, or None."""
    for sock, process in _sockets(unit):
        try:
            if sock.getpeername() and matches(sock):
                return End(sock, process)
        except OSError:
            continue  # not connected
    return None


def accepted(unit, client):
    """The End of a unit whose peer is this client address, or None."""
    return find(unit, lambda sock: sock.getpeername()[:2] == client)


def ss_listeners():
    """{(address, port): "TCP" or "MPTCP"} from ss, as a second opinion: for an MPTCP listener it
    shows the TCP socket, with the upper-layer protocol mptcp."""
    out = subprocess.run(["ss", "-HltniO"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {}
    for line in out.splitlines():
        address, _, port = line.split()[3].rpartition(":")
        address = address.strip("[]").replace("*", "::")
        found[address, int(port)] = "MPTCP" if "tcp-ulp-mptcp" in line else "TCP"
    return found


def ss_connection(client):
    """What ss reports about MPTCP on the server's socket to this client."""
    address = f"[{client[0]}]" if ":" in client[0] else client[0]
    out = subprocess.run(["ss", "-HtniO", "dst", f"{address}:{client[1]}"],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"tcp-ulp-mptcp flags:\S* token:\S*", out)
    return found.group() if found else "no MPTCP"


def counters(*names):
    """MPTCP counters of this network namespace, from nstat."""
    out = subprocess.run(["nstat", "-asz"] + [f"MPTcpExt{name}" for name in names],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    values = dict(line.split()[:2] for line in out.splitlines() if not line.startswith("#"))
    return {name: int(values[f"MPTcpExt{name}"]) for name in names}


def bpf_objects():
    """{(kind, id): description} of every BPF object on this machine, from bpftool."""
    found = {}
    for kind in "prog", "map", "link":
        out = subprocess.run(["bpftool", "-j", kind, "list"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        for item in json.loads(out or "[]"):
            found[kind, item["id"]] = f"{kind} {item['id']} {item.get('name', item['type'])}"
    return found


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as f:
        f.write(str(value))
