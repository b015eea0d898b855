# SPDX-License-Identifier: GPL-2.0-only
"""What a server connects to: another host's SMTP or LMTP, and a milter."""

import contextlib
import socket
import struct
import threading

import mma
from machine import in_client


class Peer:
    """A listener with a thread for each connection; `protocols` lists those of the connections so
    far. on_connect() is called before the first line is sent."""

    def __init__(self, port, address="", on_connect=None):
        self.on_connect = on_connect
        self.listener = mma.listen(port, address, proto=mma.MPTCP)
        self.listener.settimeout(None)
        self.protocols = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn, conn.makefile("rwb") as stream, contextlib.suppress(OSError):
            if self.on_connect:
                self.on_connect()
            self.talk(stream)
            self.protocols.append(mma.MPTCP if mma.is_mptcp(conn) else mma.TCP)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class MailHost(Peer):
    """Receives mail in the client's namespace by SMTP, or by LMTP on port 24."""

    def __init__(self, port, on_connect=None):
        self.messages = []
        self.is_lmtp = port == 24
        with in_client():
            super().__init__(port, on_connect=on_connect)

    def talk(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        recipients = 0
        say("220 host.client.test ready")
        for line in stream:
            word = line[:4].upper()
            if word in (b"EHLO", b"LHLO"):
                say("250-host.client.test\r\n250 8BITMIME")
            elif word == b"DATA":
                say("354 go on")
                data = []
                for text in stream:
                    if text == b".\r\n":
                        break
                    data.append(text[1:] if text.startswith(b"..") else text)
                self.messages.append(b"".join(data))
                for _ in range(recipients if self.is_lmtp else 1):
                    say("250 taken")
                recipients = 0
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                recipients += word == b"RCPT"
                say("250 well")


class Milter(Peer):
    """A mail filter that accepts everything, and counts."""

    def __init__(self, port):
        self.asked = 0
        super().__init__(port, address="127.0.0.1")

    def talk(self, stream):
        def say(data):
            stream.write(struct.pack("!I", len(data)) + data)
            stream.flush()

        while True:
            head = stream.read(4)
            if len(head) < 4:
                return
            command = stream.read(struct.unpack("!I", head)[0])[:1]
            if command == b"Q":
                return
            if command == b"O":  # version 6, no actions, every step
                say(b"O" + struct.pack("!III", 6, 0, 0))
            elif command not in (b"D", b"A"):
                self.asked += 1
                say(b"c")
