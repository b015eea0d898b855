# SPDX-License-Identifier: GPL-2.0-only
"""The client: a network namespace behind a veth, and mail with python's own smtplib and imaplib
over sockets created there."""

import contextlib
import email.message
import imaplib
import os
import smtplib
import socket
import ssl
import subprocess

from claims import wait_for

SERVER = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
CLIENT = {socket.AF_INET: "192.0.2.2", socket.AF_INET6: "2001:db8::2"}
NETNS = "client"
USER, PASSWORD, NAME = "demo", "demo", "mail.demo.example"


def set_up_network():
    """The server's end is called "mail" here, the client's "net" in its own namespace."""
    for words in (
            f"ip netns add {NETNS}",
            f"ip link add mail type veth peer name net netns {NETNS}",
            f"ip address add {SERVER[socket.AF_INET]}/24 dev mail",
            f"ip address add {SERVER[socket.AF_INET6]}/64 dev mail nodad",
            "ip link set mail up",
            f"ip -n {NETNS} address add {CLIENT[socket.AF_INET]}/24 dev net",
            f"ip -n {NETNS} address add {CLIENT[socket.AF_INET6]}/64 dev net nodad",
            f"ip -n {NETNS} link set net up"):
        subprocess.run(words.split(), check=True)


@contextlib.contextmanager
def in_client():
    """Sockets and processes created in this context belong to the client's namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{NETNS}", os.O_RDONLY)
    try:
        os.setns(there, os.CLONE_NEWNET)
        yield
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)
        os.close(there)


def dial(protocol, port, family=socket.AF_INET):
    with in_client():
        sock = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        sock.settimeout(30)
        sock.connect((SERVER[family], port))
    except OSError:
        sock.close()
        raise
    return sock


class Smtp(smtplib.SMTP):
    def __init__(self, sock):
        self._dialled = sock
        super().__init__(NAME, local_hostname="client.demo.example")

    def _get_socket(self, host, port, timeout):
        return self._dialled


class Imap(imaplib.IMAP4):
    def __init__(self, sock):
        self._dialled = sock
        super().__init__(NAME)

    def _create_socket(self, timeout):
        return self._dialled


class Imaps(imaplib.IMAP4_SSL):
    def __init__(self, sock):
        self._dialled = sock
        super().__init__(NAME, ssl_context=ssl.create_default_context(cafile="/etc/demo/cert.pem"))

    def _create_socket(self, timeout):
        return self.ssl_context.wrap_socket(self._dialled, server_hostname=NAME)


def message(subject):
    text = email.message.EmailMessage()
    text["From"] = "someone@client.demo.example"
    text["To"] = f"{USER}@demo.example"
    text["Subject"] = subject
    text.set_content("Hello.\n")
    return text


def send(smtp, subject):
    """Sends a message, or raises."""
    refused = smtp.send_message(message(subject))
    if refused:
        raise RuntimeError(f"refused: {refused}")


def log_in(imap):
    imap.login(USER, PASSWORD)
    imap.select("INBOX")


def read(imap, subject):
    """Waits for the message with this subject, and returns its subject line as read."""
    def arrived():
        imap.noop()
        return imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()

    newest = wait_for(f"message {subject!r}", arrived)[-1]
    data = imap.fetch(newest, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return data[0][1].decode().strip()
