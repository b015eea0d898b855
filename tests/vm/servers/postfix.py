# SPDX-License-Identifier: GPL-2.0-only
"""Postfix as packaged in Debian 13."""
GUEST = "systemd"

import itertools
import socket

import machine
import mma
from clients import FAMILIES, Submit, hand_over
from machine import CERT, DOMAIN, KEY, NAME
from peers import MailHost, Milter
from server import Server, make_maildir

MAIN_CF = f"""
compatibility_level = 3.9
myhostname = {NAME}
inet_interfaces = all
inet_protocols = all
mynetworks = 127.0.0.0/8 192.0.2.0/24 [2001:db8::]/64
mydestination =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = /srv/mail
virtual_mailbox_maps = static:box/Maildir/
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 8
message_size_limit = 20000000
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {CERT}
smtpd_tls_key_file = {KEY}
smtpd_tls_security_level = may
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
transport_maps = inline:{{ smtp.test=smtp:[192.0.2.2]:25, lmtp.test=lmtp:inet:[192.0.2.2]:24 }}
alias_maps =
alias_database =
biff = no
maillog_file =
"""


class Postfix(Server):
    packages = ["postfix"]
    units = ["postfix.service"]
    listens = [25, 465, 587]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"),
                Submit("submission", 587, "starttls"), Submit("submissions", 465, "tls")]

    connect_out = Server.mail_out

    def configure(self):
        make_maildir("mail")
        machine.write("/etc/postfix/main.cf", MAIN_CF)
        machine.sh("""
            postconf -M submission/inet='submission inet n - n - - smtpd'
            postconf -P submission/inet/smtpd_tls_security_level=encrypt
            postconf -M submissions/inet='submissions inet n - n - - smtpd'
            postconf -P submissions/inet/smtpd_tls_wrappermode=yes
            postconf -F '*/*/chroot=n'
            echo SYNC_CHROOT= >/etc/default/postfix
        """)

    def postconf(self, *settings):
        mma.run(["postconf", *settings])

    def milter(self):
        """The connection to a filter is not on a mail port: TCP."""
        with Milter(10200) as milter:
            self.postconf("smtpd_milters=inet:127.0.0.1:10200")
            self.reload()
            self.sessions[0].run(self, mma.MPTCP, FAMILIES["IPv4"])
            mma.wait_until(lambda: milter.protocols, "the connection ends")
            assert milter.asked and set(milter.protocols) == {mma.TCP}
            self.postconf("smtpd_milters=")
            self.reload()  # before the filter ends: a waiting smtpd asks it once more

    def postscreen(self):
        """postscreen accepts the connection and hands it to smtpd."""
        machine.sh("""
            postconf -M smtp/inet='smtp inet n - n - 1 postscreen'
            postconf -M smtpd/pass='smtpd pass - - n - - smtpd'
            postconf -M tlsproxy/unix='tlsproxy unix - - n - 0 tlsproxy'
            postconf -M dnsblog/unix='dnsblog unix - - n - 0 dnsblog'
            postconf postscreen_greet_wait=1s
        """)
        self.restart()
        for session in self.sessions[:2]:
            for protocol, family in itertools.product((mma.MPTCP, mma.TCP), FAMILIES.values()):
                session.run(self, protocol, family)
        self.postconf("-M", "smtp/inet=smtp inet n - n - - smtpd")
        self.restart()

    def segment_size(self):
        """Without repair, Postfix warns if the kernel does not answer."""
        def complaints():
            return [line for line in self.log() if "TCP_MAXSEG" in line]

        def some():
            for session in self.sessions:
                session.run(self, mma.MPTCP, FAMILIES["IPv4"])
            mma.mma("--allow", "25/connect", check=True)
            with MailHost(25) as host:
                hand_over(25, "someone@smtp.test")
                mma.wait_until(lambda: host.protocols, "the message goes out", 60)
            mma.mma("--deny", "25/connect", check=True)
        assert complaints() == []
        self.enable("--no-repair")
        self.restart()
        some()
        with socket.socket(proto=mma.MPTCP) as sock:
            try:
                sock.getsockopt(mma.TCP, socket.TCP_MAXSEG)
                lacks = False
            except OSError:
                lacks = True
        expected = complaints()
        print("\n".join(expected))
        assert bool(expected) == lacks
        self.enable()
        self.restart()
        some()
        assert complaints() == expected
        self.expected = expected

    features = {
        "outbound SMTP": lambda self: self.outbound(25, "smtp.test"),
        "outbound LMTP": lambda self: self.outbound(24, "lmtp.test"),
        "milter": milter,
        "postscreen": postscreen,
        "TCP_MAXSEG": segment_size,
    }


SERVER = Postfix()
