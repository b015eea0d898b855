# SPDX-License-Identifier: GPL-2.0-only
"""Dovecot as packaged in Debian 13: every protocol, LMTP over the network; it creates its sockets
itself, or systemd does (dovecot.socket)."""
GUEST = "systemd-dovecot"

import itertools

import machine
import mma
from clients import FAMILIES, Imap, PASSWORD, Pop3, Sieve, SubmitLmtp
from lookups import LocalImap
from machine import CERT, KEY
from server import Server, make_maildir, put_message

CONF = f"""
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {{
  imap = yes
  pop3 = yes
  sieve = yes
  lmtp = yes
}}
auth_username_format = %{{user | username | lower}}
mail_driver = maildir
mail_home = /srv/mail/%{{user}}
mail_path = ~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
auth_allow_cleartext = yes
passdb proxied {{
  driver = static
  username_filter = proxied
  fields {{
    proxy = yes
    host = 127.0.0.1
    port = 143
    destuser = box
    nopassword = yes
  }}
}}
passdb static {{
  password = secret
}}
userdb static {{
}}
ssl_server {{
  cert_file = {CERT}
  key_file = {KEY}
}}
sieve_script personal {{
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}}
service lmtp {{
  inet_listener lmtp {{
    port = 24
  }}
}}
"""


class Dovecot(Server):
    packages = ["dovecot-core"]
    units = ["dovecot.service"]
    ports = ",".join(f"{port}/listen" for port in (143, 993, 110, 995, 24))
    any_process = "4190/listen"
    listens = [143, 993, 110, 995, 4190, 24]
    sessions = [Imap("imap", 143), Imap("imap, STARTTLS", 143, "starttls"), Imap("imaps", 993, "tls"),
                Pop3("pop3", 110), Pop3("pop3, STLS", 110, "starttls"), Pop3("pop3s", 995, "tls"),
                Sieve("sieve", 4190), Sieve("sieve, STARTTLS", 4190, "starttls"), SubmitLmtp("lmtp", 24)]

    # The emulator's clock; and a login process that starts while Dovecot reloads, when the Unix
    # socket of its auth process is not there yet.
    overheard = ["Time moved", "auth-client: conn unix:login: connect(login) failed"]

    def configure(self):
        machine.systemctl("mask", "dovecot.socket")
        make_maildir("mail")
        put_message("mail")
        machine.write("/etc/dovecot/dovecot.conf", CONF)

    def connect_out(self, observe):
        """Login processes that act as a proxy, here for the same server."""
        with LocalImap() as imap:
            imap.login("proxied", PASSWORD)
            observe()

    def by_socket_unit(self):
        """systemd creates the sockets: the socket unit is enabled, too."""
        machine.systemctl("unmask", "dovecot.socket")
        machine.systemctl("stop", "dovecot.service")
        self.units = ["dovecot.socket", "dovecot.service"]
        self.enable()
        machine.systemctl("start", "dovecot.socket")
        protocols = machine.listeners("dovecot.socket")
        assert {port for _, port in protocols} >= {143, 993} and set(protocols.values()) == {"mptcp"}, protocols
        for session, protocol in itertools.product(self.sessions, (mma.MPTCP, mma.TCP)):
            for family in FAMILIES.values():
                session.run(self, protocol, family)
        machine.systemctl("stop", "dovecot.socket", "dovecot.service")
        mma.run([machine.TOOL, "--disable", "dovecot.socket"])
        machine.systemctl("mask", "dovecot.socket")
        self.units = ["dovecot.service"]
        self.start()

    features = {"dovecot.socket": by_socket_unit}


SERVER = Dovecot()
