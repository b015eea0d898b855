# SPDX-License-Identifier: GPL-2.0-only
"""HAProxy as packaged in Debian 13, in front of Postfix and Dovecot. Its workers connect to them
and run health checks."""
GUEST = "systemd-haproxy"

import machine
import nginx
from clients import Imap, Pop3, Submit
from machine import CERT, KEY

CONF = """
global
    log /dev/log local0
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    daemon
defaults
    log global
    mode tcp
    timeout connect 20s
    timeout client 120s
    timeout server 120s
""" + "".join(f"""
listen {name}
    bind :::{port} v4v6{tls}
    server {name} 127.0.0.1:{behind} check inter 2s
""" for name, port, behind, tls in [
    ("smtp", 25, 2525, ""), ("imap", 143, 1143, ""), ("imaps", 993, 1143, " ssl crt /etc/suite/haproxy.pem"),
    ("pop3", 110, 1110, ""), ("pop3s", 995, 1110, " ssl crt /etc/suite/haproxy.pem")])


class HaProxy(nginx.Nginx):
    packages = ["haproxy"]
    units = ["haproxy.service"]
    ports = None
    listens = [25, 143, 993, 110, 995]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"),
                Imap("imap", 143), Imap("imap, STARTTLS", 143, "starttls"), Imap("imaps", 993, "tls"),
                Pop3("pop3", 110), Pop3("pop3, STLS", 110, "starttls"), Pop3("pop3s", 995, "tls")]
    features = {}
    # The old worker, at each reload and stop, sooner or later.
    overheard = ["exited with code 0 (Exit)", "stopped (cumulated conns"]

    def configure(self):
        machine.systemctl("stop", *self.units)  # Debian starts it when it is installed
        self.configure_backends()
        machine.sh(f"cat {CERT} {KEY} >/etc/suite/haproxy.pem")
        machine.write("/etc/haproxy/haproxy.cfg", CONF)

    def log(self):
        return machine.journal(self.units)


SERVER = HaProxy()
