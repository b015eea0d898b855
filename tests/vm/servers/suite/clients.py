# SPDX-License-Identifier: GPL-2.0-only
"""The sessions that clients have with a server. Python's own clients use a socket that is created
here, as MPTCP or TCP. Each session moves a message with an attachment of 5 MB and compares every
byte."""

import base64
import imaplib
import itertools
import poplib
import random
import smtplib
import socket
import ssl

import mma
from machine import CERT, DOMAIN, NAME, SERVER, in_client

USER, PASSWORD = "box", "secret"
ADDRESS = f"{USER}@{DOMAIN}"
_serial = itertools.count(1)


def _attachment(size=5 << 20):
    text = base64.b64encode(random.Random(8684).randbytes(size))
    return b"\r\n".join(text[i:i + 900] for i in range(0, len(text), 900))


BODY = b"""--=_\r
Content-Type: text/plain\r
\r
From here to there.\r
.\r
..and a line that begins with dots\r
--=_\r
Content-Type: application/octet-stream\r
Content-Transfer-Encoding: base64\r
\r
""" + _attachment() + b"\r\n--=_--\r\n"


def new_message():
    """A new message, and the id by which it is found."""
    ident = f"message-{next(_serial)}"
    head = (f"From: someone@client.test\r\nTo: {ADDRESS}\r\nSubject: {ident}\r\nDate: Sun, 22 Nov 2026 15:00:00 +0000\r\n"
            f"Message-Id: <{ident}@client.test>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=\"=_\"\r\n\r\n")
    return ident, head.encode() + BODY


def compare(got):
    """Asserts that a received message, with either line ending, has the body that was sent."""
    _, _, body = got.replace(b"\r\n", b"\n").partition(b"\n\n")
    sent = BODY.replace(b"\r\n", b"\n")
    assert len(body) == len(sent), f"{len(body)} bytes of {len(sent)}"
    assert body == sent, "the bytes differ"


class Dialled:
    """A connection to the server from the client's namespace."""

    def __init__(self, port, protocol, family):
        with in_client():
            self.sock = socket.socket(family, proto=protocol)
        self.sock.settimeout(120)
        self.sock.connect((SERVER[family], port))

    def tls(self):
        context = ssl.create_default_context(cafile=CERT)
        return context.wrap_socket(self.sock.dup(), server_hostname=NAME)

    def close(self):
        self.sock.close()


class _Smtp(smtplib.SMTP):
    def __init__(self, sock, tls):
        self.dialled = sock.tls() if tls else sock.sock.dup()
        super().__init__(NAME, local_hostname="client.test")

    def _get_socket(self, host, port, timeout):
        return self.dialled


class _Lmtp(_Smtp):
    def __init__(self, sock, tls):
        super().__init__(sock, tls)
        self.ehlo_msg = "lhlo"


class _Imap(imaplib.IMAP4):
    def __init__(self, sock, tls):
        self.dialled = sock.tls() if tls else sock.sock.dup()
        super().__init__(NAME)

    def _create_socket(self, timeout):
        return self.dialled


class _Pop3(poplib.POP3):
    def __init__(self, sock, tls):
        self.dialled = sock.tls() if tls else sock.sock.dup()
        super().__init__(NAME)

    def _create_socket(self, timeout):
        return self.dialled


CONTEXT = ssl.create_default_context


class Session:
    """One thing that a client does. tls: None, "starttls", or "tls" from the start."""

    def __init__(self, name, port, tls=None, log_in=False):
        self.name, self.port, self.tls, self.log_in = name, port, tls, log_in

    def run(self, server, protocol, family, wanted=None):
        """Runs the session over a connection of this protocol. wanted: the expected protocol on
        the wire."""
        dialled = Dialled(self.port, protocol, family)
        try:
            self.talk(server, dialled)
            found = mma.MPTCP if mma.is_mptcp(dialled.sock) else mma.TCP
            assert found == (protocol if wanted is None else wanted)
        finally:
            dialled.close()


class Submit(Session):
    """Submits a message, which must arrive."""
    client = _Smtp

    def __init__(self, *args, to=ADDRESS, **kwargs):
        super().__init__(*args, **kwargs)
        self.to = to

    def talk(self, server, dialled):
        ident, message = new_message()
        smtp = self.client(dialled, self.tls == "tls")
        if self.tls == "starttls":
            smtp.starttls(context=CONTEXT(cafile=CERT))
        if self.log_in:
            smtp.login(ADDRESS, PASSWORD)
        assert smtp.sendmail("someone@client.test", [self.to], message) == {}
        smtp.quit()
        compare(mma.wait_until(lambda: server.delivered(ident), f"{ident} arrives", 60))


class SubmitLmtp(Submit):
    client = _Lmtp


def hand_over(port, recipient):
    """Submits a message by MPTCP for a recipient on another host."""
    dialled = Dialled(port, mma.MPTCP, socket.AF_INET)
    smtp = _Smtp(dialled, False)
    assert smtp.sendmail("someone@client.test", [recipient], new_message()[1]) == {}
    smtp.quit()
    dialled.close()


class Imap(Session):
    """Fetches the message that is in the mailbox."""

    def talk(self, server, dialled):
        imap = _Imap(dialled, self.tls == "tls")
        if self.tls == "starttls":
            imap.starttls(CONTEXT(cafile=CERT))
        imap.login(server.user(), PASSWORD)
        imap.select("INBOX")
        found = imap.search(None, "ALL")[1][0].split()
        assert found, "the mailbox is empty"
        compare(imap.fetch(found[0], "(BODY.PEEK[])")[1][0][1])
        imap.logout()


class Pop3(Session):
    def talk(self, server, dialled):
        pop = _Pop3(dialled, self.tls == "tls")
        if self.tls == "starttls":
            pop.stls(CONTEXT(cafile=CERT))
        pop.user(server.user())
        pop.pass_(PASSWORD)
        compare(b"\r\n".join(pop.retr(1)[1]) + b"\r\n")
        pop.quit()


class Sieve(Session):
    """Stores a script and reads it back (RFC 5804)."""

    def talk(self, server, dialled):
        stream = dialled.sock.makefile("rwb")

        def answer():
            """Reads lines up to OK, NO or BYE, with literals."""
            lines = []
            while True:
                line = stream.readline()
                assert line, "closed"
                if line.startswith(b"{"):
                    lines.append(stream.read(int(line[1:].split(b"}")[0].rstrip(b"+"))))
                    stream.readline()
                    continue
                if line.startswith((b"OK", b"NO", b"BYE")):
                    assert line.startswith(b"OK"), line
                    return lines
                lines.append(line)

        def ask(*words):
            stream.write(b" ".join(words) + b"\r\n")
            stream.flush()
            return answer()

        answer()
        if self.tls == "starttls":
            ask(b"STARTTLS")
            stream = dialled.tls().makefile("rwb")
            answer()
        plain = base64.b64encode(f"\0{server.user()}\0{PASSWORD}".encode())
        ask(b'AUTHENTICATE "PLAIN" "' + plain + b'"')
        script = b"# a comment of some length\r\n" * 2000 + b"keep;\r\n"
        ask(b'PUTSCRIPT "suite" {%d+}\r\n' % len(script) + script)
        assert ask(b'GETSCRIPT "suite"')[0] == script
        ask(b"LOGOUT")


class Http(Session):
    """Fetches 5 MB by HTTP or HTTPS."""

    def talk(self, server, dialled):
        sock = dialled.tls() if self.tls else dialled.sock.dup()
        with sock, sock.makefile("rwb") as stream:
            stream.write(f"GET /body HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
            stream.flush()
            head, _, body = stream.read().partition(b"\r\n\r\n")
            assert b" 200 " in head.splitlines()[0]
            assert body == BODY


FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
PROTOCOLS = {"MPTCP": mma.MPTCP, "TCP": mma.TCP}
