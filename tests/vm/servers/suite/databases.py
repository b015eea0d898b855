# SPDX-License-Identifier: GPL-2.0-only
"""What mail servers ask, as packaged in Debian: databases, a directory, filters. Each listens on
127.0.0.1, and its only users are `box@` in some domains."""

import os

import machine
import mma


def start_postgresql(domains):
    """The cluster that the package created, which listens on localhost."""
    version = sorted(os.listdir("/etc/postgresql"))[-1]
    machine.write(f"/etc/postgresql/{version}/main/conf.d/suite.conf", "fsync = off\nautovacuum = off\n")
    machine.systemctl("start", f"postgresql@{version}-main.service")
    mma.run(["runuser", "-u", "postgres", "--", "psql", "-q", "-v", "ON_ERROR_STOP=1"], cwd="/", timeout=120, stdin="""
        CREATE ROLE mail LOGIN PASSWORD 'secret';
        CREATE DATABASE mail;
        \\c mail
        CREATE TABLE mailbox (address text PRIMARY KEY, maildir text, password text);
        GRANT SELECT ON mailbox TO mail;
    """ + _rows(domains))


def start_mariadb(domains):
    machine.write("/etc/mysql/mariadb.conf.d/99-suite.cnf", """
[mariadbd]
innodb_flush_log_at_trx_commit = 0
innodb_buffer_pool_size = 16M
skip_name_resolve = 1
""")
    machine.systemctl("start", "mariadb.service")
    mma.run(["mariadb"], timeout=120, stdin="""
        CREATE DATABASE mail;
        USE mail;
        CREATE TABLE mailbox (address varchar(200) PRIMARY KEY, maildir text, password text);
        CREATE USER mail@'127.0.0.1' IDENTIFIED BY 'secret';
        GRANT SELECT ON mail.mailbox TO mail@'127.0.0.1';
    """ + _rows(domains))


def _rows(domains):
    return "".join(f"INSERT INTO mailbox VALUES ('box@{domain}', 'box/Maildir/', '{{PLAIN}}secret');\n"
                   for domain in domains)


def start_slapd(domains):
    """The package's directory, dc=nodomain, with one person."""
    mails = "".join(f"mail: box@{domain}\n" for domain in domains)
    mma.run(["slapadd", "-q", "-b", "dc=nodomain"], timeout=120,
            stdin=f"dn: cn=box,dc=nodomain\nobjectClass: inetOrgPerson\ncn: box\nsn: box\nemployeeType: box/Maildir/\n"
                  f"{mails}userPassword: secret\n")
    machine.sh("chown -R openldap:openldap /var/lib/ldap")
    machine.systemctl("start", "slapd.service")


def start_opendkim(domain):
    """Starts an OpenDKIM that signs for this domain."""
    machine.sh(f"""
        openssl genrsa -traditional -out /etc/suite/dkim.key 1024 2>/dev/null
        chown opendkim /etc/suite/dkim.key
        chmod 600 /etc/suite/dkim.key
        sed -i 's/^Socket/#Socket/' /etc/opendkim.conf
        cat >>/etc/opendkim.conf <<'EOF'
Socket inet:8891@127.0.0.1
Mode s
Domain {domain}
Selector suite
KeyFile /etc/suite/dkim.key
EOF
    """)
    machine.systemctl("start", "opendkim.service")
    machine.await_port(8891)


def start_rspamd():
    """Starts its scanner and its proxy, which speaks milter. Leaves out modules that ask the
    network, and what takes minutes under emulation: Hyperscan, and compiling 9760 domains."""
    machine.write("/etc/rspamd/suffixes", "test\ncom\n")
    machine.write("/etc/rspamd/local.d/options.inc", """
dns { nameserver = ["127.0.0.1"]; timeout = 0.1s; retransmits = 1; }
filters = "";
url_tld = "/etc/rspamd/suffixes";
disable_hyperscan = true;
""")
    for name in ("fuzzy_check", "phishing", "rbl", "spf", "dmarc", "arc", "dkim_signing", "asn", "neural", "greylist",
                 "ratelimit", "history_redis", "mx_check", "hfilter", "bayes_expiry", "maillist", "once_received", "multimap", "whitelist",
                 "reputation", "mime_types"):
        machine.write(f"/etc/rspamd/local.d/{name}.conf", "enabled = false;\n")
    machine.write("/etc/rspamd/override.d/lang_detection.inc", 'languages = ["en"];\n')
    machine.systemctl("start", "rspamd.service")


def await_rspamd():
    """rspamd reports that it has started, and then reads its configuration for a minute or
    more."""
    machine.await_port(11332, 400)
    machine.await_port(11333, 60)
