# SPDX-License-Identifier: GPL-2.0-only
"""Debian's Postfix and Dovecot in a Docker container whose ports are published on a host with two
uplinks. They use the configuration of demo/config, which does not mention MPTCP."""

import contextlib
import glob
import imaplib
import os
import shutil
import smtplib
import statistics

import pytest

import mma
import network
import uplinks
from engines import DOCKER, HERE, by_id
from fetch import GIVE_UP, big_message, fetch
from mma import MPTCP, TCP, run, wait_until

IMAGE_FILE = "/payload/image/mail.tar"
OPTIONS = "/etc/default/mptcp-mail-attach"
CONFIG, BOXES = "/srv/config", "/srv/mail"
MAILDIR = f"{BOXES}/demo/Maildir"
MESSAGE, CUTS = 8_000_000, 3
PORTS = [25, 143, 2525]  # the last one is on no list
START = """
set -e
cp /etc/demo/main.cf /etc/postfix/main.cf
cp /etc/demo/dovecot.conf /etc/dovecot/dovecot.conf
echo 'log_path = /dev/stderr' >>/etc/dovecot/dovecot.conf
postconf -F '*/*/chroot=n'
postconf -M '2525/inet=2525 inet n - n - - smtpd'
postconf maillog_file=/var/log/mail.log
dovecot -F &
exec postfix start-fg
"""


def configure():
    os.makedirs(CONFIG)
    for name in ("main.cf", "dovecot.conf"):
        shutil.copy(f"{HERE}/../config/{name}", CONFIG)
    with open(f"{CONFIG}/start", "w") as f:
        f.write(START)
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=mail", "-keyout", f"{CONFIG}/key.pem", "-out", f"{CONFIG}/cert.pem"])
    for name in ("new", "cur", "tmp"):
        os.makedirs(f"{MAILDIR}/{name}")
    own_boxes()


def own_boxes():
    run(["chown", "-R", "mail:mail", BOXES])


def dial(port):
    """Connects with an MPTCP client that knows only the host's first address."""
    return mma.connect(uplinks.FIRST, port, netns=network.NETNS)


def answers(port):
    try:
        with dial(port) as sock:
            return sock.recv(1)
    except OSError:
        return False


@pytest.fixture(scope="module")
def mail(warm):
    configure()
    DOCKER.set_up()
    DOCKER("import", IMAGE_FILE, "mailhost")
    with uplinks.uplinks():
        with open(OPTIONS, "w") as f:
            f.write(f'OCI_OPTIONS="--signal {uplinks.SECOND}"\n')
        try:
            DOCKER.run("mailhost", *(word for port in PORTS for word in ("-p", f"{port}:{port}")),
                       "-v", f"{CONFIG}:/etc/demo:ro", "-v", f"{BOXES}:{BOXES}",
                       image="mailhost", command=["sh", "/etc/demo/start"])
            for port in PORTS:
                wait_until(lambda port=port: answers(port), f"port {port} answers", 120)
            yield
        finally:
            print(DOCKER("logs", "mailhost", check=False), DOCKER("exec", "mailhost", "cat", "/var/log/mail.log", check=False))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(OPTIONS)
            DOCKER.remove("mailhost")


class Imap(imaplib.IMAP4):
    def __init__(self, sock):
        self.dialled = sock
        super().__init__("mail")

    def _create_socket(self, timeout):
        return self.dialled


def test_a_message_in_and_out(mail, quiet):
    body = b"From here to there.\r\n" * 5000
    with dial(25) as sock:
        smtp = smtplib.SMTP(local_hostname="client.test")
        smtp.sock = sock.dup()
        assert smtp.getreply()[0] == 220
        assert smtp.sendmail("someone@client.test", ["demo@demo.example"], b"Subject: in\r\n\r\n" + body) == {}
        assert mma.is_mptcp(sock)
        smtp.quit()
    wait_until(lambda: glob.glob(f"{MAILDIR}/new/*"), "the message is in its box", 120)
    with dial(143) as sock:
        imap = Imap(sock.dup())
        imap.login("demo", "demo")
        imap.select("INBOX", readonly=True)
        [(_, message), _] = imap.fetch("*", "(BODY.PEEK[])")[1]
        assert mma.is_mptcp(sock)
        imap.logout()
    assert message.partition(b"\r\n\r\n")[2] == body
    [found] = [s for s in by_id() if s["alive"]]
    assert {(li["port"], li["proto"]) for li in found["listeners"]} >= {(port, "mptcp") for port in PORTS}


def test_a_port_off_the_list(mail):
    with dial(2525) as sock:
        assert sock.recv(3) == b"220" and not mma.is_mptcp(sock)


def test_a_path_of_two_is_cut(mail):
    """A message is fetched through the published port, and the first uplink is cut when half of it
    has arrived. The container's host announces its second address, and answers over that
    uplink."""
    body = big_message(MESSAGE)
    with open(f"{MAILDIR}/cur/1.1.mail,S={len(body)}:2,S", "wb") as f:
        f.write(body)
    own_boxes()
    whole = fetch(MPTCP, uplinks.FIRST)
    assert whole.complete and whole.size > MESSAGE * 0.99
    stalls = []
    for _ in range(CUTS):
        done = fetch(MPTCP, uplinks.FIRST, cut=uplinks.cut_first)
        uplinks.restore()
        assert done.complete and done.sha256 == whole.sha256
        stalls.append(done.longest_stall)
    plain = fetch(TCP, uplinks.FIRST, cut=uplinks.cut_first)
    uplinks.restore()
    assert not plain.complete
    print(f"longest stalls, s: {[round(s, 2) for s in stalls]}, the median {statistics.median(stalls):.2f}; "
          f"TCP had not resumed after {GIVE_UP} s; without a cut {whole.seconds:.1f} s")
