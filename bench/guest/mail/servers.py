# SPDX-License-Identifier: GPL-2.0-only
"""Postfix, Dovecot and nginx, set up to do as little as possible for a connection, so that the
tool's share shows most. None of them waits for a disk."""

import glob
import os
import shutil
import signal
import subprocess

import world
from fetch import big_message

IMAPLOAD = "/run/imapload"  # from the payload, each start would wait for the host
SINK_PORT = 1143
MESSAGE = 5_000_000


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read_programs():
    """Reads them into memory, so that no start waits for the disk."""
    for pattern in ("/usr/lib/postfix/**", "/usr/lib/dovecot/**", "/usr/lib/nginx/**",
                    "/usr/lib/x86_64-linux-gnu/*.so*", "/usr/sbin/nginx", "/usr/sbin/dovecot",
                    "/usr/sbin/smtp-source", "/usr/bin/mptcpize"):
        for path in glob.glob(pattern, recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    while f.read(1 << 20):
                        pass


class Server:
    name, package, port, pid_file, command = "", "", 0, "", ""

    def configure(self):
        """Done once."""

    def start(self):
        world.start_in_cgroup(self.command.split())
        world.wait_until(lambda: world.listener_protocol(self.port), f"{self.name} listens")

    def stop(self):
        with open(self.pid_file, encoding="ascii") as f:
            pid = int(f.read())
        os.kill(pid, signal.SIGTERM)
        world.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), f"{self.name} has ended")
        world.wait_until(lambda: not world.listener_protocol(self.port), f"{self.name}'s listener is closed")

    def rest(self):
        """Waits until all the requested work is done."""

    def version(self):
        return world.run(["dpkg-query", "-W", "-f", "${Version}", self.package])


class Postfix(Server):
    """Accepts mail for any recipient, queues it in memory and discards it."""
    name = package = "postfix"
    port = 25
    pid_file = "/var/spool/postfix/pid/master.pid"
    command = "/usr/lib/postfix/sbin/master -w"
    main_cf = f"""
compatibility_level = 3.9
myhostname = mail.bench.example
inet_interfaces = all
inet_protocols = ipv4
mynetworks = {world.CLIENT}
mydestination =
default_transport = discard:
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
alias_maps =
alias_database =
# Else a measurement now and then has a new process in it.
max_use = 1000000
max_idle = 1d
# The clock leaps whenever the guest waits for the host.
smtpd_timeout = 1h
# It would have smtpd sleep for a second whenever mail comes in faster than it goes.
in_flow_delay = 0
"""

    def configure(self):
        write("/etc/postfix/main.cf", self.main_cf)
        world.run("mount -t tmpfs -o mode=755 tmpfs /mnt")
        world.run("cp -a /var/spool/postfix/. /mnt/")
        world.run("mount --bind /mnt /var/spool/postfix")
        # As "postfix check" would create them, which takes seconds.
        for directory in ("active bounce corrupt defer deferred flush hold incoming private saved trace "
                          "maildrop public pid").split():
            path = f"/var/spool/postfix/{directory}"
            os.makedirs(path, exist_ok=True)
            if directory != "pid":
                group = "postdrop" if directory in ("maildrop", "public") else None
                os.chmod(path, {"maildrop": 0o730, "public": 0o710}.get(directory, 0o700))
                shutil.chown(path, "postfix", group)

    def rest(self):
        queues = [f"/var/spool/postfix/{queue}" for queue in ("maildrop", "incoming", "active", "deferred")]
        world.wait_until(lambda: not any(files for queue in queues for _, _, files in os.walk(queue)),
                         "postfix's queue is empty")


class Dovecot(Server):
    """Existing processes handle logins: the "high-performance mode" of its manual."""
    name, package = "dovecot", "dovecot-core"
    port = 143
    pid_file = "/run/dovecot/master.pid"
    command = "dovecot"
    conf = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
  imap = yes
}
mail_driver = maildir
mail_home = /srv/mail/%{user}
mail_path = ~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
auth_allow_cleartext = yes
log_path = /dev/null
ssl = no
passdb static {
  password = demo
}
userdb static {
}
service imap-login {
  restart_request_count = unlimited
  process_min_avail = 1
  process_limit = 1
  inet_listener imap {
    port = 143
  }
}
service imap {
  restart_request_count = unlimited
  process_min_avail = 1
  process_limit = 1
}
"""

    def configure(self):
        write("/etc/dovecot/dovecot.conf", self.conf)
        os.makedirs("/srv/mail")
        world.run("mount -t tmpfs -o mode=755 tmpfs /srv/mail")
        for directory in ("cur", "new", "tmp"):
            os.makedirs(f"/srv/mail/demo/Maildir/{directory}")
        body = big_message(MESSAGE).decode()
        write(f"/srv/mail/demo/Maildir/cur/1.1.mail,S={len(body)},W={len(body)}:2,S", body)
        world.run("chown -R mail:mail /srv/mail")


class Nginx(Server):
    """Its mail proxy. nginx is also the server that it asks where to connect. The destination is a
    server that answers OK to everything; on front_port it is Dovecot."""
    name = package = "nginx"
    port, front_port = 993, 995  # whatever is spoken there: ports that only some processes may bind
    pid_file = "/run/nginx.pid"
    command = "nginx -c /etc/nginx/bench.conf"
    conf = """
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/null;
include /etc/nginx/modules-enabled/*.conf;
events {{
}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:8080;
        location /sink {{
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port {sink};
            return 200;
        }}
        location /dovecot {{
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port {dovecot};
            return 200;
        }}
    }}
}}
mail {{
    server_name mail.bench.example;
    server {{
        listen {port}{word};
        protocol imap;
        proxy on;
        auth_http 127.0.0.1:8080/sink;
    }}
    server {{
        listen {front}{word};
        protocol imap;
        proxy on;
        auth_http 127.0.0.1:8080/dovecot;
    }}
}}
"""

    def configure(self):
        shutil.copy("/payload/mail/imapload", IMAPLOAD)
        self.native(False)
        subprocess.Popen([IMAPLOAD, str(SINK_PORT)], stdin=subprocess.DEVNULL)
        world.wait_until(lambda: world.listener_protocol(SINK_PORT), "the sink listens")

    def native(self, multipath):
        """Takes effect at its next start."""
        write("/etc/nginx/bench.conf", self.conf.format(
            sink=SINK_PORT, dovecot=Dovecot.port, port=self.port, front=self.front_port,
            word=" multipath" if multipath else ""))
