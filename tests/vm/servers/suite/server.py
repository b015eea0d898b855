# SPDX-License-Identifier: GPL-2.0-only
"""What a server's file declares: see README.md."""

import glob
import os

import machine
import mma
from clients import ADDRESS, USER, compare, hand_over, new_message
from peers import MailHost

MAILDIR = "/srv/mail/box/Maildir"


class Server:
    packages = []  # their versions go into the table
    units = []  # for --enable; the last one is the server
    ports = None  # --port; None: the default list
    any_process = None  # added to --port later: ports that any process may bind, so every socket is MPTCP
    listens = []  # ports that are MPTCP once it is attached
    sessions = []
    features = {}  # name: an additional test with the server attached
    can_reload = True
    expected = ()  # log alarms that a feature has caused
    overheard = ()  # words of alarms that are unrelated to MPTCP

    def configure(self):
        """Called before the first start."""

    def start(self):
        machine.systemctl("start", *self.units)
        self.settle()

    def restart(self):
        machine.systemctl("restart", *self.units)
        self.settle()

    def reload(self):
        machine.systemctl("reload", self.units[-1])
        self.settle()

    def settle(self):
        for port in self.listens:
            machine.await_port(port)

    connect_out = None  # connect_out(observe): connects to somebody, and calls observe() while connected

    def log(self):
        """Its log lines of this boot."""
        return machine.journal(self.units)

    def user(self):
        """The name with which clients log in."""
        return USER

    def delivered(self, ident):
        """The message with this id, once it is in the mailbox."""
        for path in glob.glob(f"{MAILDIR}/new/*"):
            with open(path, "rb") as f:
                data = f.read()
            if f"Subject: {ident}\n".encode() in data[:4096].replace(b"\r\n", b"\n"):
                os.unlink(path)
                return data
        return None

    # Helpers for features

    def mail_out(self, observe):
        """connect_out() for a server that delivers to other hosts."""
        with MailHost(25, on_connect=observe) as host:
            hand_over(25, "someone@smtp.test")
            mma.wait_until(lambda: host.protocols, "the message goes out", 60)

    def enable(self, *words):
        mma.run([machine.TOOL, "--enable", *self.units, *(["--port", self.ports] if self.ports else []), *words])

    def outbound(self, port, domain):
        """Delivers to another host: TCP, until port/connect is allowed."""
        with MailHost(port) as host:
            for wanted, rule in ((mma.TCP, None), (mma.MPTCP, "--allow"), (mma.TCP, "--deny")):
                if rule:
                    mma.mma(rule, f"{port}/connect", check=True)
                n = len(host.messages)
                hand_over(25, f"someone@{domain}")
                mma.wait_until(lambda n=n: len(host.protocols) == n + 1, "the message goes out", 60)
                compare(host.messages[n])
                assert host.protocols[n] == wanted


def make_maildir(owner):
    """Creates an empty Maildir for this user."""
    machine.sh(f"""install -d -m 755 /srv/mail
                   for d in box box/Maildir box/Maildir/new box/Maildir/cur box/Maildir/tmp; do
                       install -d -o {owner} -g {owner} -m 700 /srv/mail/$d
                   done""")


def put_message(owner):
    """Puts a message into the mailbox, for sessions that fetch."""
    _, message = new_message()
    path = f"{MAILDIR}/new/1.suite"
    with open(path, "wb") as f:
        f.write(f"Delivered-To: {ADDRESS}\n".encode() + message.replace(b"\r\n", b"\n"))
    machine.sh(f"chown {owner}:{owner} {path}")
