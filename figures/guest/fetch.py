# SPDX-License-Identifier: GPL-2.0-only
"""One IMAP fetch of one big message: its bytes over time."""

import hashlib
import re
import socket
import threading
import time

import network

MPTCP = 262
GIVE_UP = 10  # seconds without a byte


def big_message(size):
    """A message of about this many bytes."""
    return b"Subject: big\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (size // 66)


class Fetch:
    """points: [(seconds since the fetch was requested, bytes so far)]; cut: when the path was
    cut."""

    def __init__(self):
        self.points, self.cut, self.sha256, self.size = [], None, None, 0

    @property
    def complete(self):
        return bool(self.points) and self.points[-1][1] == self.size

    @property
    def seconds(self):
        return self.points[-1][0]

    @property
    def longest_stall(self):
        """Between two reads; or after the last one, if the fetch never continued."""
        times = [0.0] + [t for t, _ in self.points]
        gaps = [b - a for a, b in zip(times, times[1:])]
        return max(gaps) if self.complete else GIVE_UP


def _line(reader):
    line = reader.readline()
    if not line:
        raise OSError("the server hung up")
    return line.decode()


def _command(sock, reader, tag, words):
    sock.sendall(f"{tag} {words}\r\n".encode())
    while not (line := _line(reader)).startswith(tag):
        pass
    assert " OK" in line, line


def fetch(protocol, address, family=socket.AF_INET, cut=None):
    """Fetches the message over a socket of this protocol; calls `cut` halfway through."""
    result = Fetch()
    with network.in_client():
        sock = socket.socket(family, socket.SOCK_STREAM, protocol)
    with sock:
        sock.settimeout(GIVE_UP)
        sock.connect((address, 143))
        reader = sock.makefile("rb", buffering=0)
        _line(reader)
        _command(sock, reader, "a", "LOGIN demo demo")
        _command(sock, reader, "b", "EXAMINE INBOX")
        start = time.monotonic()
        sock.sendall(b"c FETCH * BODY.PEEK[]\r\n")  # the last one
        result.size = int(re.search(r"\{(\d+)\}", _line(reader)).group(1))
        _read(sock, result, start, cut)
    return result


def _read(sock, result, start, cut):
    got, digest, cutter = 0, hashlib.sha256(), None
    while got < result.size:
        try:
            data = sock.recv(min(1 << 16, result.size - got))
        except TimeoutError:
            break
        if not data:
            break
        got += len(data)
        digest.update(data)
        result.points.append((time.monotonic() - start, got))
        if cut and not cutter and got >= result.size / 2:
            result.cut = time.monotonic() - start
            cutter = threading.Thread(target=cut)
            cutter.start()
    if cutter:
        cutter.join()
    result.sha256 = digest.hexdigest()
