# SPDX-License-Identifier: GPL-2.0-only
"""A user's unmodified mail clients: MPTCP to mail ports, TCP to all others."""

import glob

import pytest

import conftest
import machine
import mma
from clients import BODY, PASSWORD, USER, compare, new_message
from machine import CERT, NAME
from peers import Peer

CLIENTS = conftest.the_server()
POSTFIX = CLIENTS.servers[0]


@pytest.fixture(scope="module", autouse=True)
def attached():
    machine.set_up()
    conftest.VERSIONS.update(machine.versions(CLIENTS.packages))
    CLIENTS.configure()
    CLIENTS.attach()


def connections():
    """{port: {counter: n}} of the user's own counters, without those that are 0."""
    now = mma.service("/" + CLIENTS.slice)["connections"]
    assert {c["role"] for c in now} <= {"connect"}
    return {c["port"]: {k: n for k, n in c.items() if k not in ("port", "role") and n} for c in now}


class Counted:
    """Counts the user's connections while the context lasts."""

    def __enter__(self):
        self.before = connections()
        return self

    def __exit__(self, *_):
        self.now = {}
        for port, counters in connections().items():
            was = self.before.get(port, {})
            grown = {k: n - was.get(k, 0) for k, n in counters.items() if n != was.get(k, 0)}
            if grown:
                self.now[port] = grown


def delivered(ident):
    return mma.wait_until(lambda: POSTFIX.delivered(ident), f"{ident} arrives", 60)


@pytest.mark.feature("msmtp")
@pytest.mark.parametrize("account, port", [("submissions", 465), ("submission", 587)])
def test_msmtp(account, port):
    ident, message = new_message()
    with Counted() as counted:
        CLIENTS.run("/usr/bin/msmtp", "-C", "/home/user/msmtprc", "-a", account, "box@example.test",
                    stdin=message.decode("ascii"))
    compare(delivered(ident))
    assert counted.now == {port: {"mptcp": 1}}


@pytest.mark.feature("mbsync")
def test_mbsync():
    with Counted() as counted:
        CLIENTS.run("/bin/sh", "-euc", "mkdir -p ~/Maildir; mbsync -c ~/mbsyncrc mail")
    [path] = glob.glob("/home/user/Maildir/new/*") + glob.glob("/home/user/Maildir/cur/*")
    with open(path, "rb") as f:
        compare(f.read())
    assert counted.now == {993: {"mptcp": 1}}


@pytest.mark.feature("curl, imaps")
def test_curl():
    with Counted() as counted:
        out = CLIENTS.run("/usr/bin/curl", "-sS", "--cacert", CERT, "-u", f"{USER}:{PASSWORD}",
                          f"imaps://{NAME}/INBOX;MAILINDEX=1").out
    compare(out.encode("ascii"))
    assert counted.now == {993: {"mptcp": 1}}


class Web(Peer):
    def talk(self, stream):
        while stream.readline() not in (b"\r\n", b""):
            pass
        stream.write(b"HTTP/1.0 200 well\r\n\r\n" + BODY)


@pytest.mark.feature("the same user's HTTP: TCP")
def test_all_else_is_tcp():
    """Although the other end offers MPTCP."""
    with Web(80) as web, Counted() as counted:
        assert CLIENTS.run("/usr/bin/curl", "-sS", f"http://{NAME}/").out.encode("ascii") == BODY.replace(b"\r\n", b"\n")
        mma.wait_until(lambda: web.protocols, "the connection ends")
    assert web.protocols == [mma.TCP]
    assert counted.now == {80: {"off_list": 1}}


@pytest.mark.feature("IMAP without TLS, off the list: TCP")
def test_a_mail_port_off_the_list():
    """The server's end of it is on the list."""
    with Counted() as counted:
        CLIENTS.run("/usr/bin/curl", "-sS", "-u", f"{USER}:{PASSWORD}", f"imap://{NAME}/")
    assert counted.now == {143: {"off_list": 1}}


@pytest.mark.feature("what the user listens on: TCP")
def test_listeners():
    """On a port to which this user may connect by MPTCP."""
    script = ("import socket; s = socket.create_server(('', 2525)); print(s.getsockopt(1, 38)); "
              "c = socket.create_connection(('127.0.0.1', 2525)); print(c.getsockopt(1, 38)); "
              "d = s.accept()[0]; print(d.getsockopt(1, 38))")
    mma.mma("--allow", "2525/connect", check=True)
    out = CLIENTS.run("/usr/bin/python3", "-c", script).out
    assert out.split() == [str(n) for n in (mma.MPTCP, mma.MPTCP, mma.TCP)]


@pytest.mark.feature("another user: TCP")
def test_another_user():
    ask = "import socket; print(socket.socket().getsockopt(1, 38))"
    assert CLIENTS.run("/usr/bin/python3", "-c", ask).out == f"{mma.MPTCP}\n"
    assert CLIENTS.run("/usr/bin/python3", "-c", ask, uid=65534).out == f"{mma.TCP}\n"


@pytest.mark.feature("detach")
def test_detach():
    mma.mma("--detach", "--cgroup", CLIENTS.slice, check=True)
    with Web(80) as web:
        CLIENTS.run("/usr/bin/curl", "-sS", "-o", "/dev/null", f"http://{NAME}/")
        mma.wait_until(lambda: web.protocols, "the connection ends")
    ask = "import socket; print(socket.socket().getsockopt(1, 38))"
    assert CLIENTS.run("/usr/bin/python3", "-c", ask).out == f"{mma.TCP}\n"
