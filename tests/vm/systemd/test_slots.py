# SPDX-License-Identifier: GPL-2.0-only
"""How long a session whose last path was reset (a ban, a client that rebooted) keeps its slot in
Debian's own servers: Postfix with one smtpd process, Dovecot with one IMAP connection per user and
address."""

import os
import time

import pytest

import mma
from units import MPTCP, TCP, disable, enable, run, systemctl, wait_until

KEEPS = True
WAITS = [5] if os.environ.get("MMA_KILL", "short") == "short" else [5, 60]  # net.mptcp.close_timeout; 60: default
SLACK = 4  # until the next client gets the slot, under emulation
PATIENCE = 90

DOVECOT = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
  imap = yes
}
ssl = no
auth_allow_cleartext = yes
mail_driver = maildir
mail_home = /srv/mail/%{user}
mail_path = ~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
mail_max_userip_connections = 1
passdb static {
  password = secret
}
userdb static {
}
"""


class Smtp:
    """The only smtpd greets nobody else until it is free."""
    unit, port, files = "postfix.service", 25, ("/etc/postfix/main.cf", "/etc/postfix/master.cf")

    @staticmethod
    def configure():
        run(["postconf", "-M", "smtp/inet=smtp inet n - n - 1 smtpd"])
        run(["postconf", "smtpd_peername_lookup=no"])

    @staticmethod
    def is_served(conn):
        return conn.recv(256).startswith(b"220 ")


class Imap:
    """Login is refused to a user who has a connection already."""
    unit, port, files = "dovecot.service", 143, ("/etc/dovecot/dovecot.conf",)

    @staticmethod
    def configure():
        systemctl("mask", "dovecot.socket")
        run(["install", "-d", "-o", "mail", "-g", "mail", "/srv/mail/box"])
        with open("/etc/dovecot/dovecot.conf", "w", encoding="ascii") as f:
            f.write(DOVECOT)

    @staticmethod
    def is_served(conn):
        conn.sendall(b"a login box secret\r\n")
        said = b""
        while b"\na " not in said:
            more = conn.recv(4096)
            if not more:
                break
            said += more
        assert b"a OK" in said or b"mail_max_userip_connections" in said, said
        return b"a OK" in said


@pytest.fixture(scope="module", params=[Smtp, Imap], ids=lambda server: server.unit)
def server(request, clean_module):
    one = request.param
    timeout = mma.sysctl("net.mptcp.close_timeout")
    before = {}
    for name in one.files:
        with open(name, encoding="utf-8") as f:
            before[name] = f.read()
    one.configure()
    enable(one.unit)
    systemctl("restart", one.unit)
    yield one
    systemctl("stop", one.unit)
    disable(one.unit)
    systemctl("unmask", "dovecot.socket")
    for name, text in before.items():
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
    mma.sysctl("net.mptcp.close_timeout", timeout)


def connect(server, proto):
    conn = mma.connect("127.0.0.1", server.port, proto=proto)
    conn.settimeout(PATIENCE)
    return conn


def is_free(server):
    with connect(server, TCP) as conn:
        return server.is_served(conn)


def seconds_until_free(server, proto):
    """Measured from the reset of the only path of the session that has the slot."""
    wait_until(lambda: is_free(server), "the place is free")
    with connect(server, proto) as conn:
        wait_until(lambda: server.is_served(conn), "the session begins")
        assert mma.is_mptcp(conn) == (proto == MPTCP)
        run(["ss", "-K", "-t", "-n", "state", "established", "sport", "=", f":{server.port}"])
        begin = time.monotonic()
        wait_until(lambda: is_free(server), "the place is free", PATIENCE)
        return time.monotonic() - begin


@pytest.mark.parametrize("wait", WAITS)
def test_session_whose_last_path_is_reset(server, wait):
    mma.sysctl("net.mptcp.close_timeout", wait)
    took = seconds_until_free(server, MPTCP)
    print(f"{server.unit}, close_timeout {wait}: {took:.1f} s")
    assert wait - 1 < took < wait + SLACK


def test_over_tcp(server):
    took = seconds_until_free(server, TCP)
    print(f"{server.unit}, TCP: {took:.1f} s")
    assert took < SLACK
