# SPDX-License-Identifier: GPL-2.0-only
"""OpenSMTPD as packaged in Debian 13."""
GUEST = "systemd-opensmtpd"

import machine
from clients import Submit
from machine import CERT, DOMAIN, KEY, NAME
from server import Server, make_maildir

CONF = f"""
pki mail cert "{CERT}"
pki mail key "/etc/suite/smtpd.pem"
smtp max-message-size 20M
""" + "".join(f"""
listen on {address} port 25 tls pki mail hostname {NAME}
listen on {address} port 465 smtps pki mail hostname {NAME}
listen on {address} port 587 tls-require pki mail hostname {NAME}
""" for address in ("0.0.0.0", "::")) + f"""
action "box" maildir "/srv/mail/box/Maildir"
action "out" relay host smtp://192.0.2.2
match from any for domain "{DOMAIN}" action "box"
match from any for domain "smtp.test" action "out"
"""


class OpenSmtpd(Server):
    packages = ["opensmtpd"]
    units = ["opensmtpd.service"]
    listens = [25, 465, 587]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"),
                Submit("submission", 587, "starttls"), Submit("submissions", 465, "tls")]
    features = {"outbound SMTP": lambda self: self.outbound(25, "smtp.test")}
    overheard = ["handshake failed: error:0A000126:"]  # end of file: machine.await_port() says nothing and closes
    can_reload = False
    connect_out = Server.mail_out

    def configure(self):
        machine.sh(f"""
            useradd -d /srv/mail/box -s /bin/sh box
            install -m 600 {KEY} /etc/suite/smtpd.pem
        """)
        make_maildir("box")
        machine.write("/etc/smtpd.conf", CONF)


SERVER = OpenSmtpd()
