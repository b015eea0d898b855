# SPDX-License-Identifier: GPL-2.0-only
"""What a server's file says of it: see README.md."""

import glob
import os

import machine
import mma
from clients import ADDRESS, USER, compare, hand_over, new_message
from peers import MailHost

MAILDIR = "/srv/mail/box/Maildir"


class Server:
    packages = []  # whose versions the table names
    units = []  # what --enable is given; the last one is the server
    ports = None  # --port; None: the default list
    any_process = None  # what is added to --port later on: ports that any process may bind, so that every socket is MPTCP
    listens = []  # ports that are MPTCP once it is attached
    sessions = []
    features = {}  # name: what is tried besides, with the server attached
    can_reload = True
    expected = ()  # alarms of the log that a feature has provoked
    overheard = ()  # what may be in an alarm that has nothing to do with all this

    def configure(self):
        """Before the first start."""

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

    connect_out = None  # connect_out(observe): makes it connect to somebody, and calls observe() while it is connected

    def log(self):
        """Its lines of this boot."""
        return machine.journal(self.units)

    def user(self):
        """What a client logs in as."""
        return USER

    def delivered(self, ident):
        """The message that is known by this, once it is in the mailbox."""
        for path in glob.glob(f"{MAILDIR}/new/*"):
            with open(path, "rb") as f:
                data = f.read()
            if f"Subject: {ident}\n".encode() in data[:4096].replace(b"\r\n", b"\n"):
                os.unlink(path)
                return data
        return None

    # For its features

    def mail_out(self, observe):
        """connect_out() of one that delivers to other hosts."""
        with MailHost(25, on_connect=observe) as host:
            hand_over(25, "someone@smtp.test")
            mma.wait_until(lambda: host.protocols, "the message goes out", 60)

    def enable(self, *words):
        mma.run([machine.TOOL, "--enable", *self.units, *(["--port", self.ports] if self.ports else []), *words])

    def outbound(self, port, domain):
        """To another host: TCP, until port/connect is allowed."""
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
    """Empty, of this user."""
    machine.sh(f"""install -d -m 755 /srv/mail
                   for d in box box/Maildir box/Maildir/new box/Maildir/cur box/Maildir/tmp; do
                       install -d -o {owner} -g {owner} -m 700 /srv/mail/$d
                   done""")


def put_message(owner):
    """One message is in the mailbox, for those that fetch."""
    _, message = new_message()
    path = f"{MAILDIR}/new/1.suite"
    with open(path, "wb") as f:
        f.write(f"Delivered-To: {ADDRESS}\n".encode() + message.replace(b"\r\n", b"\n"))
    machine.sh(f"chown {owner}:{owner} {path}")
