# SPDX-License-Identifier: GPL-2.0-only
"""nginx as packaged in Debian 13: a mail proxy in front of Postfix and Dovecot, and a web server
in the same processes. 443 is on the list, 80 is not."""
GUEST = "systemd-dovecot"

import os
import signal

import dovecot
import machine
import mma
import postfix
from clients import ADDRESS, FAMILIES, Http, Imap, PASSWORD, Pop3, Submit, USER, BODY
from lookups import LocalImap, LocalSmtp
from machine import CERT, KEY, NAME
from server import Server, make_maildir, put_message

CONF = f"""
user www-data;
worker_processes 2;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;
error_log /var/log/nginx/error.log info;
events {{
}}
http {{
    access_log off;
    ssl_certificate {CERT};
    ssl_certificate_key {KEY};
    server {{
        listen 80;
        listen [::]:80;
        listen 443 ssl;
        listen [::]:443 ssl;
        root /srv/www;
    }}
    map $http_auth_protocol $upstream {{
        smtp 2525;
        imap 1143;
        pop3 1110;
    }}
    server {{
        listen 127.0.0.1:8080;
        location / {{
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port $upstream;
            return 200;
        }}
    }}
}}
mail {{
    auth_http 127.0.0.1:8080/;
    server_name {NAME};
    ssl_certificate {CERT};
    ssl_certificate_key {KEY};
    proxy_pass_error_message on;
    client_max_body_size 0;
    timeout 120s;
    smtp_auth none;
    xclient off;
""".replace("    client_max_body_size 0;\n", "") + "".join(f"""
    server {{
        listen {port}{ssl};
        listen [::]:{port}{ssl};
        protocol {protocol};
        starttls {"off" if ssl else "on"};
    }}""" for protocol, port, ssl in [
        ("smtp", 25, ""), ("smtp", 465, " ssl"), ("imap", 143, ""), ("imap", 993, " ssl"), ("pop3", 110, ""),
        ("pop3", 995, " ssl")]) + "\n}\n"


class Nginx(Server):
    packages = ["nginx", "libnginx-mod-mail"]
    units = ["nginx.service"]
    ports = ",".join(f"{port}/listen" for port in (25, 465, 143, 993, 110, 995, 443))
    listens = [25, 465, 143, 993, 110, 995, 443]
    sessions = [Submit("smtp", 25), Submit("smtp, STARTTLS", 25, "starttls"), Submit("smtp, TLS", 465, "tls"),
                Imap("imap", 143), Imap("imap, STARTTLS", 143, "starttls"), Imap("imaps", 993, "tls"),
                Pop3("pop3", 110), Pop3("pop3, STLS", 110, "starttls"), Pop3("pop3s", 995, "tls"),
                Http("https", 443, "tls")]

    def configure_backends(self):
        """Configures the servers behind it, which are not attached."""
        postfix.SERVER.configure()
        machine.sh("""
            postconf -MX smtp/inet submission/inet submissions/inet
            postconf -M 2525/inet='2525 inet n - n - - smtpd'
            systemctl mask dovecot.socket
        """)
        make_maildir("mail")
        put_message("mail")
        machine.write("/etc/dovecot/dovecot.conf", dovecot.CONF + """
            service imap-login {
              inet_listener imap {
                port = 1143
              }
              inet_listener imaps {
                port = 0
              }
            }
            service pop3-login {
              inet_listener pop3 {
                port = 1110
              }
              inet_listener pop3s {
                port = 0
              }
            }
        """)
        machine.systemctl("start", "postfix.service", "dovecot.service")
        for port in (2525, 1143, 1110):
            machine.await_port(port)

    def configure(self):
        self.configure_backends()
        machine.write("/etc/nginx/nginx.conf", CONF)
        machine.write("/srv/www/body", BODY.decode("ascii"))

    def connect_out(self, observe):
        """Connects to the servers behind it, for a client that stays."""
        with LocalSmtp() as smtp, LocalImap() as imap:
            imap.login(USER, PASSWORD)
            smtp.ehlo()
            smtp.mail("someone@client.test")
            assert smtp.rcpt(ADDRESS)[0] == 250
            observe()

    def log(self):
        with open("/var/log/nginx/error.log", encoding="utf-8", errors="replace") as f:
            levels = ("[warn]", "[error]", "[crit]", "[alert]", "[emerg]")
            return super().log() + [line.strip() for line in f if any(level in line for level in levels)]

    def http(self):
        """Off the list: plain TCP from the same processes."""
        for family in FAMILIES.values():
            Http("http", 80).run(self, mma.MPTCP, family, wanted=mma.TCP)
            Http("http", 80).run(self, mma.TCP, family)

    def binary_upgrade(self):
        """USR2: a second master inherits the listeners; then the first one ends."""
        def pid(path):
            with open(path, encoding="ascii") as f:
                return int(f.read())
        old = pid("/run/nginx.pid")
        os.kill(old, signal.SIGUSR2)
        mma.wait_until(lambda: os.path.exists("/run/nginx.pid.oldbin") and os.path.exists("/run/nginx.pid")
                       and pid("/run/nginx.pid") != old, "the second master", 60)
        os.kill(old, signal.SIGQUIT)
        mma.wait_until(lambda: not os.path.exists(f"/proc/{old}"), "the first master ends", 60)
        assert set(machine.listeners("nginx.service").values()) == {"mptcp"}
        for session in self.sessions:
            session.run(self, mma.MPTCP, FAMILIES["IPv4"])
        self.restart()

    features = {"http, off the list": http, "binary upgrade (USR2)": binary_upgrade}


SERVER = Nginx()
