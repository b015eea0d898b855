# SPDX-License-Identifier: GPL-2.0-only
"""Mail clients as packaged in Debian 13, in a user's slice that is attached with connect roles
only. The servers behind them are Postfix and Dovecot."""
GUEST = "systemd-mail-clients"
TESTS = "test_mail_clients.py"

import os
import socket

import dovecot
import machine
import mma
import postfix
from clients import PASSWORD, USER
from machine import CERT, NAME, NETNS

UID = 1000
SLICE = f"user.slice/user-{UID}.slice"
HOME = "/home/user"
PORTS = "993/connect,465/connect,587/connect"

MSMTP = f"""
defaults
host {NAME}
tls on
tls_trust_file {CERT}
from someone@client.test
account submissions
port 465
tls_starttls off
account submission
port 587
"""

MBSYNC = f"""
IMAPAccount there
Host {NAME}
User {USER}
Pass {PASSWORD}
TLSType IMAPS
CertificateFile {CERT}

IMAPStore far
Account there

MaildirStore near
Inbox {HOME}/Maildir

Channel mail
Far :far:
Near :near:
Sync Pull
Create Near
"""


class MailClients:
    packages = ["curl", "isync", "msmtp"]
    slice = SLICE
    servers = [postfix.SERVER, dovecot.SERVER]

    def configure(self):
        for server in self.servers:
            server.configure()
            mma.run([machine.TOOL, "--enable", *server.units])  # ports for listening only
            server.start()
        machine.sh(f"""
            sed -i 's/^127.0.0.1 {NAME}/{machine.SERVER[socket.AF_INET]} {NAME}\\n127.0.0.1/' /etc/hosts
            useradd --create-home --home-dir {HOME} --uid {UID} user
        """)
        machine.write(f"{HOME}/msmtprc", MSMTP)
        machine.write(f"{HOME}/mbsyncrc", MBSYNC)

    def attach(self):
        mma.mma("--cgroup", SLICE, "--netns", f"/run/netns/{NETNS}", "--port", PORTS, check=True)

    def run(self, *argv, stdin=None, uid=UID):
        """Runs a program as the user, in the client's network, in a session whose slice is created
        and removed with it (as logind does, which would need a bus)."""
        slice_dir = f"{mma.CGROUPS}/user.slice/user-{uid}.slice"
        session = f"{slice_dir}/session-1.scope"
        os.makedirs(session)
        try:
            return mma.run(list(argv), stdin=stdin, timeout=120, cgroup=session, netns=NETNS, uid=uid,
                           env={"HOME": HOME, "PATH": "/usr/bin:/bin"}, cwd=HOME)
        finally:
            os.rmdir(session)
            os.rmdir(slice_dir)


SERVER = MailClients()
