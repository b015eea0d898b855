# SPDX-License-Identifier: GPL-2.0-only
"""Steps that several acts share: use a mail server, and claim what its sockets are."""

import socket
import subprocess

import capture
import kernel
import mail
from claims import claim, command, wait_for
from kernel import MPTCP, NAMES, TCP

UNITS = ("postfix.service", "dovecot.service", "nginx.service")
MAIL_PORTS = {"postfix.service": {25}, "dovecot.service": {143, 993}, "nginx.service": {220}}
HTTP_PORT, SUBMISSION_PORT = 80, 587

V4, V6 = socket.AF_INET, socket.AF_INET6
# The services by their names here: (words, unit, port, family, client)
SERVICES = {
    "smtp": ("SMTP", "postfix.service", 25, V4, mail.Smtp),
    "imap": ("IMAP", "dovecot.service", 143, V4, mail.Imap),
    "imaps": ("IMAPS over IPv6", "dovecot.service", 993, V6, mail.Imaps),
    "proxy": ("IMAP through nginx", "nginx.service", 220, V4, mail.Imap),
}

wire = None  # the Capture, on the client's side


def address(end):
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"


def restart():
    return command("systemctl", "restart", *UNITS)[0]


def claim_listeners(act, unit, want, text):
    """The mail listeners of a unit are all `want`, according to the kernel and to ss."""
    with claim(f"{act}.{unit.split('.')[0]}", text) as c:
        ports = MAIL_PORTS[unit]
        found = wait_for(f"listeners of {unit}", seconds=5, condition=lambda: (
            lambda l: ports <= {port for _, port in l} and l)(kernel.listeners(unit)))
        second = kernel.ss_listeners()
        for at, end in sorted(found.items(), key=lambda item: item[0][1]):
            if at[1] not in ports:
                continue
            c.show(f"{address(at):<16} SO_PROTOCOL {end.protocol:<3}  ss: {second.get(at):<5}  "
                   f"{end.process}")
            c.holds(end.protocol == want and second.get(at) == NAMES[want])


def show_ends(c, sock, unit, want):
    """Both ends of a connection are `want`. Returns the server's End."""
    client = sock.getsockname()[:2]
    theirs = wait_for(f"connection of {client} in {unit}", lambda: kernel.accepted(unit, client))
    ours = kernel.End(sock)
    c.show(f"{address(client)} to {address(theirs.local)}, accepted by {theirs.process}")
    c.show(f"server: {theirs}")
    c.show(f"client: {ours}")
    if want == MPTCP:
        c.show(f"server's ss: {kernel.ss_connection(client)}")
        c.holds(theirs.mptcp() and ours.mptcp())
    else:
        c.holds(theirs.protocol == TCP and not ours.mptcp())
    return theirs


def show_wire(c, sock, want):
    """MP_CAPABLE in the handshake: `want` says for each packet whether it has it."""
    handshake = wire.handshake(sock.getsockname()[:2], sock.getpeername()[:2])
    c.show(f"capture: {capture.words(handshake)}")
    c.holds(tuple(bool(p.mp_capable) for p in handshake) == want)


# Who offers, who answers, who confirms.
ALL, OFFER_ONLY, NONE = (True, True, True), (True, False, False), (False, False, False)


class Visitor:
    """A mail client on one connection. Create it inside a claim, which then fails if the server
    does not answer."""

    def __init__(self, service, protocol):
        self.words, self.unit, port, family, client = SERVICES[service]
        self.service = service
        self.mail = client(mail.dial(protocol, port, family))

    @property
    def sock(self):
        return self.mail.sock

    def do(self, subject):
        """Sends the message, or reads it."""
        if self.service == "smtp":
            mail.send(self.mail, subject)
        else:
            mail.log_in(self.mail)
            return mail.read(self.mail, subject)
        return f"Subject: {subject}"

    def close(self):
        if self.service == "smtp":
            self.mail.close()
        else:
            self.mail.shutdown()


def round_trip(act, subject, protocol, want, seen):
    """Sends a message over SMTP and reads it in three ways; each shows its evidence."""
    client = f"{'an' if protocol == MPTCP else 'a plain'} {NAMES[protocol]} client"
    for service, (words, *_) in SERVICES.items():
        verb = "sends a message over" if service == "smtp" else "reads that message over"
        visitor = None
        with claim(f"{act}.{service}.mail", f"{client} {verb} {words}") as c:
            visitor = Visitor(service, protocol)
            got = visitor.do(subject)
            c.show(got)
            c.holds(got == f"Subject: {subject}")
        with claim(f"{act}.{service}.ends", f"that connection is {NAMES[want]} at both ends") as c:
            show_ends(c, visitor.sock, visitor.unit, want)
        with claim(f"{act}.{service}.wire",
                   "MP_CAPABLE is in its SYN, SYN-ACK and ACK" if seen == ALL else
                   "its handshake has no MP_CAPABLE") as c:
            show_wire(c, visitor.sock, seen)
        if visitor:
            visitor.close()


def short_trip(act, subject, want):
    """The same in one claim, with an MPTCP client: SMTP, then IMAP."""
    with claim(f"{act}.mail",
               f"a message goes in by SMTP and out by IMAP, over {NAMES[want]}") as c:
        for service in "smtp", "imap":
            visitor = Visitor(service, MPTCP)
            got = visitor.do(subject)
            c.show(f"{visitor.words}: {got}")
            c.holds(got == f"Subject: {subject}")
            show_ends(c, visitor.sock, visitor.unit, want)
            show_wire(c, visitor.sock, ALL if want == MPTCP else OFFER_ONLY)
            visitor.close()


def show_active(c, unit):
    """A unit is active; if not, shows the end of its log."""
    state = subprocess.run(["systemctl", "is-active", unit], stdout=subprocess.PIPE, text=True,
                           check=False).stdout.strip()
    c.show(f"{unit}: {state}")
    c.holds(state == "active")
    if state != "active":
        log = subprocess.run(["journalctl", "-q", "-o", "cat", "-n", "5", "-u", unit],
                             stdout=subprocess.PIPE, text=True, check=False).stdout
        c.show(log.rstrip())
