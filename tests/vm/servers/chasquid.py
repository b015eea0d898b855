# SPDX-License-Identifier: GPL-2.0-only
"""chasquid as packaged in Debian 13: a static Go program, out of reach for preloaded libraries,
and all its sockets come from systemd."""
GUEST = "systemd-chasquid"

import machine
from clients import Submit
from machine import CERT, DOMAIN, KEY, NAME
from server import MAILDIR, Server, make_maildir

CONF = f"""
hostname: "{NAME}"
max_data_size_mb: 50
mail_delivery_agent_bin: "/usr/local/bin/deliver"
data_dir: "/var/lib/chasquid"
mail_log_path: "<syslog>"
"""


class Chasquid(Server):
    packages = ["chasquid"]
    units = ["chasquid-smtp.socket", "chasquid-submission.socket", "chasquid-submission_tls.socket",
             "chasquid.service"]
    listens = [25, 465, 587]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"),
                Submit("submission", 587, "starttls", log_in=True), Submit("submissions", 465, "tls", log_in=True)]
    can_reload = False

    def configure(self):
        # As its package does where adduser is installed.
        machine.sh("useradd --system -U -d /var/lib/chasquid chasquid && chown chasquid:chasquid /var/lib/chasquid")
        make_maildir("chasquid")
        machine.write("/usr/local/bin/deliver", f"#!/bin/sh\nt=$(mktemp {MAILDIR}/tmp/XXXXXX) && cat >$t && "
                      f"mv $t {MAILDIR}/new/\n", 0o755)
        machine.write("/etc/chasquid/chasquid.conf", CONF)
        machine.sh(f"""
            install -d /etc/chasquid/certs/{NAME} /etc/chasquid/domains/{DOMAIN}
            cp {CERT} /etc/chasquid/certs/{NAME}/fullchain.pem
            cp {KEY} /etc/chasquid/certs/{NAME}/privkey.pem
            chasquid-util user-add box@{DOMAIN} --password=secret
            chmod -R a+rX /etc/chasquid
        """)


SERVER = Chasquid()
