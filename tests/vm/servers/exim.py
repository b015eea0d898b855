# SPDX-License-Identifier: GPL-2.0-only
"""Exim as packaged in Debian 13, built with IPv6. test_repair.py replays what an Exim without IPv6
asks its sockets."""
GUEST = "systemd-exim"

import machine
from clients import Submit
from machine import CERT, DOMAIN, KEY, NAME
from server import Server, make_maildir

CONF = f"""
primary_hostname = {NAME}
domainlist local_domains = {DOMAIN}
tls_advertise_hosts = *
tls_certificate = {CERT}
tls_privatekey = {KEY}
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
rfc1413_query_timeout = 0s
message_size_limit = 20M
acl_smtp_rcpt = everything
acl_smtp_data = everything
keep_environment =

begin acl
everything:
  accept

begin routers
here:
  driver = accept
  domains = +local_domains
  transport = maildir
there:
  driver = manualroute
  domains = smtp.test
  transport = remote
  route_list = * 192.0.2.2
  self = send

begin transports
maildir:
  driver = appendfile
  directory = /srv/mail/box/Maildir
  maildir_format
  user = mail
  group = mail
remote:
  driver = smtp
"""


class Exim(Server):
    packages = ["exim4-daemon-light"]
    units = ["exim4.service"]
    listens = [25, 465, 587]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"),
                Submit("submission", 587, "starttls"), Submit("submissions", 465, "tls")]

    connect_out = Server.mail_out

    def configure(self):
        make_maildir("mail")
        machine.write("/etc/exim4/exim4.conf", CONF)

    def log(self):
        lines = super().log()
        for name in ("mainlog", "rejectlog", "paniclog"):
            try:
                with open(f"/var/log/exim4/{name}", encoding="utf-8", errors="replace") as f:
                    lines += [line.strip() for line in f]
            except FileNotFoundError:
                pass
        return lines

    features = {"outbound SMTP": lambda self: self.outbound(25, "smtp.test")}


SERVER = Exim()
