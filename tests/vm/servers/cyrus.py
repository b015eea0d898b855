# SPDX-License-Identifier: GPL-2.0-only
"""Cyrus IMAP as packaged in Debian 13, with LMTP over the network."""
GUEST = "systemd-cyrus"

import glob
import socket
import threading

import machine
import mma
from clients import Imap, PASSWORD, Pop3, Sieve, SubmitLmtp, USER
from machine import CERT, in_client, KEY, NAME
from peers import Peer
from server import Server

SERVICES = """
START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
""" + "".join(f'  {name} cmd="{command}" listen="{port}" prefork=0 maxchild=50\n' for name, command, port in [
    ("imap", "imapd", 143), ("imaps", "imapd -s", 993), ("pop3", "pop3d", 110), ("pop3s", "pop3d -s", 995),
    ("sieve", "timsieved", 4190), ("lmtp", "lmtpd -a", 24)]) + """}
EVENTS {
}
"""

REPLICA = 2005
DAEMON = """DAEMON {
  sync cmd="/usr/sbin/cyrus sync_client -r"
}
"""

SETTINGS = {
    "sync_host": machine.CLIENT[socket.AF_INET], "sync_port": str(REPLICA), "sync_authname": USER,
    "sync_password": PASSWORD, "sync_log": "yes",
    "tls_server_cert": CERT, "tls_server_key": KEY, "servername": NAME, "sasl_mech_list": "PLAIN",
    "sasl_auxprop_plugin": "sasldb", "autocreate_quota": "0", "autocreate_post": "yes", "allowstarttls": "yes",
    "popminpoll": "0", "sieve_maxscriptsize": "100",
}


class Replica(Peer):
    """Says nothing and closes."""

    def talk(self, stream):
        pass


class Cyrus(Server):
    packages = ["cyrus-imapd"]
    units = ["cyrus-imapd.service"]
    ports = ",".join(f"{port}/listen" for port in (143, 993, 110, 995, 24))
    any_process = "4190/listen"
    listens = [143, 993, 110, 995, 4190, 24]
    # The first session leaves a message for the others.
    sessions = [SubmitLmtp("lmtp", 24, to=USER),
                Imap("imap", 143), Imap("imap, STARTTLS", 143, "starttls"), Imap("imaps", 993, "tls"),
                Pop3("pop3", 110), Pop3("pop3, STLS", 110, "starttls"), Pop3("pop3s", 995, "tls"),
                Sieve("sieve", 4190), Sieve("sieve, STARTTLS", 4190, "starttls")]

    overheard = ["failed: localhost [127.0.0.1]",  # machine.await_port() says nothing and closes
                 # The replica has no password, which SASL reports in one of two ways.
                 "couldn't authenticate to backend server"]

    def configure(self):
        machine.write("/etc/cyrus.conf", SERVICES)
        with open("/etc/imapd.conf", encoding="utf-8") as f:
            lines = [line for line in f if line.split(":")[0] not in SETTINGS]
        machine.write("/etc/imapd.conf", "".join(lines) + "".join(f"{k}: {v}\n" for k, v in SETTINGS.items()))
        mma.run(["saslpasswd2", "-c", "-p", "-u", NAME, USER], stdin=PASSWORD)
        machine.sh("chmod 644 /etc/sasldb2")

    def connect_out(self, observe):
        """Connects to a replica that answers slowly."""
        seen = threading.Event()

        def on_connect():
            observe()
            seen.set()
        with in_client():
            replica = Replica(REPLICA, on_connect=on_connect)
        with replica:
            machine.write("/etc/cyrus.conf", SERVICES + DAEMON)
            self.restart()
            assert seen.wait(60), "no connection to the replica"
            machine.write("/etc/cyrus.conf", SERVICES)
            self.restart()

    def reload(self):
        machine.systemctl("kill", "-s", "HUP", "--kill-whom=main", "cyrus-imapd.service")
        self.settle()

    def delivered(self, ident):
        for path in glob.glob("/var/spool/cyrus/mail/**/[0-9]*.", recursive=True):
            with open(path, "rb") as f:
                data = f.read()
            if f"Subject: {ident}\r\n".encode() in data[:4096]:
                return data
        return None


SERVER = Cyrus()
