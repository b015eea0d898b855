# SPDX-License-Identifier: GPL-2.0-only
"""Other lookups of Postfix and Dovecot: MariaDB, LDAP, filters, and PostgreSQL for Dovecot. Each
with the socket options that its library can be configured to set."""
GUEST = "systemd-lookups"
TESTS = "test_lookups.py"

import machine
import postfix
from databases import await_rspamd, start_mariadb, start_opendkim, start_postgresql, start_rspamd, start_slapd
from lookups import Lookup, delivery, filtered, login, recipients, signed

PROXIED, DIRECT = "proxymap", "smtpd"
# {domain: (table, process that asks, port)}
TABLES = {f"{prefix or 'direct'}.{kind}.test".replace(":", ""): (f"{prefix}{kind}", process, port)
          for kind, port in (("mysql", 3306), ("ldap", 389)) for prefix, process in (("proxy:", PROXIED), ("", DIRECT))}

POSTFIX = {
    "mysql": """
hosts = inet:127.0.0.1:3306
user = mail
password = secret
dbname = mail
query = SELECT maildir FROM mailbox WHERE address = '%%s'
domain = %s
""",
    "ldap": """
server_host = ldap://127.0.0.1:389
search_base = dc=nodomain
query_filter = (mail=%%s)
result_attribute = employeeType
bind = no
version = 3
domain = %s
""",
}

DOVECOT = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
  imap = yes
}
service imap-login {
  inet_listener imaps {
    port = 0
  }
}
ssl = no
auth_allow_cleartext = yes
auth_failure_delay = 0
mail_driver = maildir
mail_home = /srv/mail/box
mail_path = ~/Maildir
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
passdb pgsql {
  driver = sql
  sql_driver = pgsql
  username_filter = *@pgsql.test
  pgsql 127.0.0.1 {
    parameters {
      dbname = mail
      user = mail
      password = secret
      tcp_user_timeout = 5000
      sslmode = disable
    }
  }
  passdb_sql_query = SELECT password FROM mailbox WHERE address = '%{user}'
}
passdb mysql {
  driver = sql
  sql_driver = mysql
  username_filter = *@mysql.test
  mysql 127.0.0.1 {
    user = mail
    password = secret
    dbname = mail
    ssl = no
  }
  passdb_sql_query = SELECT password FROM mailbox WHERE address = '%{user}'
}
passdb ldap {
  driver = ldap
  username_filter = *@ldap.test
  ldap_uris = ldap://127.0.0.1
  ldap_base = dc=nodomain
  ldap_bind = yes
  ldap_filter = (mail=%{user})
}
userdb static {
}
"""


class Lookups(postfix.Postfix):
    packages = ["postfix", "dovecot-core", "libpq5", "libmariadb3", "libldap2", "mariadb-server", "slapd", "opendkim",
                "rspamd"]
    units = ["dovecot.service", "postfix.service"]
    listens = [25, 143]
    lookups = [Lookup("Postfix", f"{table} in virtual_mailbox_maps", process, port, recipients(domain))
               for domain, (table, process, port) in TABLES.items()]
    lookups += [Lookup("Postfix", f"{kind}, virtual(8) delivers", "virtual", port, delivery(f"proxy.{kind}.test"))
                for kind, port in (("mysql", 3306), ("ldap", 389))]
    lookups += [Lookup("Postfix", "milter over TCP, OpenDKIM", "smtpd", 8891, signed("proxy.mysql.test")),
                Lookup("Postfix", "milter over TCP, rspamd", "smtpd", 11332, filtered("proxy.mysql.test")),
                Lookup("Dovecot", "passdb sql, pgsql", "auth", 5432, login("pgsql.test")),
                Lookup("Dovecot", "passdb sql, mysql", "auth", 3306, login("mysql.test")),
                Lookup("Dovecot", "passdb ldap", "auth", 389, login("ldap.test"))]

    def configure(self):
        start_rspamd()
        start_postgresql(["pgsql.test"])
        start_mariadb([domain for domain, (table, _, _) in TABLES.items() if "mysql" in table] + ["mysql.test"])
        start_slapd([domain for domain, (table, _, _) in TABLES.items() if "ldap" in table] + ["ldap.test"])
        start_opendkim("client.test")
        with open("/etc/ldap/ldap.conf", "a", encoding="ascii") as f:
            f.write("KEEPALIVE_IDLE 60\nKEEPALIVE_PROBES 3\nKEEPALIVE_INTERVAL 10\nNETWORK_TIMEOUT 10\n")
        super().configure()
        machine.sh("postconf -MX submission/inet submissions/inet; systemctl mask dovecot.socket")
        self.postconf("virtual_mailbox_domains=" + ", ".join(TABLES), "virtual_mailbox_maps=" + " ".join(
            f"{table}:/etc/postfix/{domain}.cf" for domain, (table, _, _) in TABLES.items()),
            "smtpd_milters=inet:127.0.0.1:8891 inet:127.0.0.1:11332", "milter_default_action=tempfail")
        for domain, (table, _, _) in TABLES.items():
            machine.write(f"/etc/postfix/{domain}.cf", POSTFIX[table.split(":")[-1]] % domain)
        machine.write("/etc/dovecot/dovecot.conf", DOVECOT)
        await_rspamd()


SERVER = Lookups()
