# SPDX-License-Identifier: GPL-2.0-only
"""Postfix with its recipients in PostgreSQL. libpq connects to it over TCP with a timeout of its
own."""
GUEST = "systemd-pgsql"
TESTS = "test_lookups.py"

import machine
import postfix
from databases import start_postgresql
from lookups import Lookup, delivery, recipients

# libpq sets TCP_USER_TIMEOUT before it connects.
URI = "postgresql://mail:secret@127.0.0.1:5432/mail?tcp_user_timeout=5000&sslmode=disable"
# A table through proxymap, and one that the process opens itself; for mailboxes, and for local
# users.
TABLES = {"proxied": ("proxy:pgsql", "proxymap"), "direct": ("pgsql", "smtpd")}
MAPS = {"virtual": "virtual_mailbox_maps", "local": "local_recipient_maps"}
DOMAINS = [f"{table}.{maps}.test" for table in TABLES for maps in MAPS]

TABLE = """
hosts = %s
user = mail
password = secret
dbname = mail
query = SELECT maildir FROM mailbox WHERE address = '%%s'
domain = %s
"""


class PostfixPostgresql(postfix.Postfix):
    packages = ["postfix", "postgresql-17", "libpq5"]
    listens = [25]
    lookups = [Lookup("Postfix", f"{table} in {maps}", process, 5432, recipients(f"{name}.{kind}.test"))
               for name, (table, process) in TABLES.items() for kind, maps in MAPS.items()]
    # virtual(8) belongs to root and never asks proxymap.
    lookups += [Lookup("Postfix", "pgsql, virtual(8) delivers", "virtual", 5432, delivery("proxied.virtual.test"))]

    def configure(self):
        start_postgresql(DOMAINS)
        super().configure()
        machine.sh("postconf -MX submission/inet submissions/inet")
        self.postconf("virtual_mailbox_domains=" + ", ".join(d for d in DOMAINS if "virtual" in d),
                      "mydestination=" + ", ".join(d for d in DOMAINS if "local" in d),
                      *(f"{maps}=" + " ".join(f"{table}:/etc/postfix/{name}.{kind}.cf"
                                              for name, (table, _) in TABLES.items()) for kind, maps in MAPS.items()))
        for name in TABLES:
            for kind in MAPS:
                machine.write(f"/etc/postfix/{name}.{kind}.cf", TABLE % (URI, f"{name}.{kind}.test"))


SERVER = PostfixPostgresql()
