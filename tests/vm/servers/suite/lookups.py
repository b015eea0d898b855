# SPDX-License-Identifier: GPL-2.0-only
"""What a mail server looks up elsewhere over TCP. Each is a Lookup; this file also observes the
connections."""

import collections
import contextlib
import ctypes
import imaplib
import os
import re
import signal
import smtplib
import socket
import subprocess

import pytest

import clients
import mma

_libc = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438


class Lookup:
    """`process` (its name in /proc/PID/comm) connects to `port`. `ask(server, observe)` triggers
    the lookup, checks the answer, and calls observe() while the connection exists."""

    def __init__(self, client, name, process, port, ask):
        self.client, self.name, self.process, self.port, self.ask = client, name, process, port, ask

    @property
    def ident(self):
        return f"{self.client}: {self.name}"

    @property
    def unit(self):
        return f"{self.client.lower()}.service"


# Which process has which sockets

def processes(units):
    """The current processes of these units."""
    found = []
    for unit in units:
        path = mma.run(["systemctl", "show", "-P", "ControlGroup", unit]).out.strip()
        if not path:
            continue
        for directory, _, _ in os.walk(mma.CGROUPS + path):
            with contextlib.suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as f:
                found += [int(line) for line in f]
    return found


def _sockets_of(pid):
    """Duplicates of a process's IP sockets."""
    try:
        pidfd = os.pidfd_open(pid)
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:  # the process has ended
        return
    try:
        for name in names:
            try:
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    continue
            except OSError:
                continue
            fd = _libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
            if fd < 0:
                continue
            with socket.socket(fileno=fd) as sock:
                if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
                    yield sock
    finally:
        os.close(pidfd)


def _status(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    except OSError:
        return None


# protocol: of the socket. may_bind: whether the process may bind privileged ports.
Outgoing = collections.namedtuple("Outgoing", "process may_bind port protocol")
MAY_BIND = 1 << 10 | 1 << 12  # CAP_NET_BIND_SERVICE, CAP_NET_ADMIN


def outgoing(units):
    """The connections that these units have made, as a set of Outgoing."""
    found, listens = [], set()
    for pid in processes(units):
        status = _status(pid)
        if not status:
            continue
        may_bind = bool(int(status["CapPrm"], 16) & MAY_BIND)
        for sock in _sockets_of(pid):
            local = sock.getsockname()[1]
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listens.add(local)
                continue
            with contextlib.suppress(OSError):  # not connected
                found.append((local, Outgoing(status["Name"], may_bind, sock.getpeername()[1], mma.so_protocol(sock))))
    return {connection for local, connection in found if local not in listens}


# Socket options

_CALL = re.compile(r"^(\d+) +(socket|setsockopt|connect)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (socket|setsockopt) resumed>.* = (-?\d+)")
_RESULT = re.compile(r"\) += (-?\d+)")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")


def options_before_connect(lines):
    """{remote port: options in the order in which they were set before connect(2)}, from the
    output of strace -f."""
    opened, half, found = {}, {}, {}
    for line in lines:
        if resumed := _RESUMED.match(line):
            pid, call, result = resumed.groups()
            if call == "socket" and half.pop(pid, None):
                opened[pid, result] = []
            continue
        call = _CALL.match(line)
        if not call:
            continue
        pid, name, words = call.groups()
        if name == "socket":
            if "SOCK_STREAM" not in words or not words.startswith("AF_INET"):
                continue
            result = _RESULT.search(words)
            if result:
                opened[pid, result.group(1)] = []
            else:
                half[pid] = True
            continue
        fd = words.split(",", 1)[0]
        if name == "setsockopt":
            if (pid, fd) in opened:
                opened[pid, fd].append(words.split(", ")[2])
        else:
            port = _PORT.search(words)
            if port and (pid, fd) in opened:
                options = found.setdefault(int(port.group(1)), [])
                options += [o for o in opened.pop((pid, fd)) if o not in options]
    return found


class Traced:
    """Traces the socket calls of a unit from now on, including processes that it starts."""

    def __init__(self, unit):
        self.file = f"/run/{unit}.strace"
        pids = [str(pid) for pid in processes([unit])]
        self.strace = subprocess.Popen(["strace", "-f", "-o", self.file, "-e", "trace=socket,setsockopt,connect",
                                        "-p", ",".join(pids)], stderr=subprocess.PIPE, text=True)
        for _ in pids:  # attached, or gone
            line = self.strace.stderr.readline()
            assert "attach" in line, line

    def options(self):
        """Stops the trace and returns options_before_connect()."""
        self.strace.send_signal(signal.SIGINT)
        self.strace.communicate(timeout=60)
        with open(self.file, encoding="ascii", errors="replace") as f:
            return options_before_connect(f)


# Questions. Each has one answer that only the database (or directory, or filter) can give, and
# another one without it.

def _local(host, port):
    """Connects as an MPTCP client of this host."""
    sock = mma.connect(host, port, proto=mma.MPTCP)
    sock.settimeout(120)
    return sock


class LocalSmtp(smtplib.SMTP):
    def __init__(self):
        super().__init__("127.0.0.1", 25, local_hostname="client.test", timeout=120)

    def _get_socket(self, host, port, timeout):
        return _local(host, port)


def recipients(domain):
    """RCPT: one recipient that the database has, and one that it lacks."""
    def ask(_, observe):
        with LocalSmtp() as smtp:
            smtp.ehlo()
            smtp.mail("someone@client.test")
            answers = [smtp.rcpt(f"{user}@{domain}") for user in ("box", "nobody")]
            observe()
        assert [code for code, _ in answers] == [250, 550], answers
    return ask


def _send(domain, message):
    with LocalSmtp() as smtp:
        assert smtp.sendmail("someone@client.test", [f"box@{domain}"], message) == {}


def _small_message():
    ident, message = clients.new_message()
    return ident, message.partition(b"\r\n\r\n")[0].replace(b"multipart/mixed", b"text/plain") + b"\r\n\r\nShort.\r\n"


def delivery(domain):
    """The delivery agent looks up the mailbox, too."""
    def ask(server, observe):
        ident, message = _small_message()
        _send(domain, message)
        mma.wait_until(lambda: server.delivered(ident), f"{ident} arrives", 60)
        observe()
    return ask


def signed(domain):
    """A message that arrives has passed through OpenDKIM."""
    def ask(server, observe):
        ident, message = _small_message()
        with LocalSmtp() as smtp:
            smtp.ehlo()
            smtp.mail("someone@client.test")
            assert smtp.rcpt(f"box@{domain}")[0] == 250
            observe()
            answer = smtp.data(message)
            assert answer[0] == 250, answer
        assert b"DKIM-Signature: " in mma.wait_until(lambda: server.delivered(ident), f"{ident} arrives", 60)
    return ask


GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"


def filtered(domain):
    """A message that every filter must refuse is refused; others arrive."""
    def ask(server, observe):
        with LocalSmtp() as smtp:
            smtp.ehlo()
            smtp.mail("someone@client.test")
            assert smtp.rcpt(f"box@{domain}")[0] == 250
            observe()
            answer = smtp.data(_small_message()[1] + GTUBE)
            assert answer[0] == 554, answer
        ident, message = _small_message()
        _send(domain, message)
        mma.wait_until(lambda: server.delivered(ident), f"{ident} arrives", 60)
    return ask


class LocalImap(imaplib.IMAP4):
    def _create_socket(self, timeout):
        return _local("127.0.0.1", 143)


def login(domain):
    """The right password, and a wrong one."""
    def ask(_, observe):
        with LocalImap() as imap:
            imap.login(f"box@{domain}", "secret")
            observe()
        with LocalImap() as imap, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            imap.login(f"box@{domain}", "wrong")
    return ask
