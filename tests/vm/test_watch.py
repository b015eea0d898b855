# SPDX-License-Identifier: GPL-2.0-only
"""--connections --watch, to a pipe and on a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from connection_world import STRICT, World
from mma import PINS, _tool, attach, mma, wait_until


@pytest.fixture
def world(cgroup):
    with contextlib.ExitStack() as stack:
        yield World(stack, cgroup)


def start(*args, stdout):
    pid = os.fork()
    if not pid:
        os.dup2(stdout, 1)
        os.execv(_tool(), [_tool(), *args])
    return pid


def test_watch_to_a_pipe(world):
    """It prints one report after another, and an interrupt ends it cleanly."""
    for args, pattern in ((["--watch", "1"], rb"no live connection\n"), (["--watch=1", "--json"], rb'"connections": \[')):
        r, w = os.pipe()
        pid = start("--connections", *args, stdout=w)
        os.close(w)
        got = b""
        while len(re.findall(pattern, got)) < 3:
            got += os.read(r, 65536)
        assert b"\x1b" not in got
        os.kill(pid, signal.SIGINT)
        got += b"".join(iter(lambda: os.read(r, 65536), b""))
        os.close(r)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        if "--json" in args:
            for line in got.decode().splitlines():
                assert STRICT.check(json.loads(line)) == []


def test_detached_and_attached_again_meanwhile(world, cgroup):
    r, w = os.pipe()
    pid = start("--connections", "--watch=1", stdout=w)
    os.close(w)
    with os.fdopen(r, encoding="utf-8") as reports:
        assert "no live connection\n" in reports
        wait_until(lambda: not any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(PINS) for fd in os.listdir(f"/proc/{pid}/fd")),
                   "it holds nothing open while it waits")
        mma("--detach", check=True)
        assert "nothing is attached\n" in reports
        attach(cgroup)
        assert "no live connection\n" in reports
        os.kill(pid, signal.SIGINT)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class Terminal:
    """Runs the tool on a pseudoterminal of 80 columns, and collects its output."""

    def __init__(self, *args, rows=24):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, 80, 0, 0))
            os.execv(_tool(), [_tool(), *args])
        self.before = termios.tcgetattr(self.fd)
        self.out = b""

    def read_until(self, wanted):
        end = time.monotonic() + 30
        while wanted not in self.out:
            assert time.monotonic() < end, (wanted, self.out)
            if select.select([self.fd], [], [], 0.1)[0]:
                self.out += os.read(self.fd, 65536)

    def end(self):
        with contextlib.suppress(OSError):
            while True:
                self.out += os.read(self.fd, 65536)
        rc = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return rc


ENTER, LEAVE, HOME = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l", b"\x1b[H"


def test_the_terminal_is_left_as_it_was(world):
    for how in ("^C", "q", "SIGTERM", "SIGHUP"):
        end_by(how)


def end_by(how):
    term = Terminal("--connections", "--watch", "1")
    try:
        term.read_until(b"no live connection")
        assert term.out.startswith(ENTER)
        changed = termios.tcgetattr(term.fd)
        assert not changed[3] & (termios.ECHO | termios.ICANON) and changed[3] & termios.ISIG
        while term.out.count(HOME) < 3:
            term.out += os.read(term.fd, 65536)
        if how.startswith("SIG"):
            os.kill(term.pid, getattr(signal, how))
        else:
            os.write(term.fd, b"\x03" if how == "^C" else b"q")
        term.read_until(LEAVE)
        wait_until(lambda: termios.tcgetattr(term.fd) == term.before, "the terminal has its settings back")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(term.pid, signal.SIGKILL if LEAVE not in term.out else signal.SIGCONT)
        rc = term.end()
    assert rc == 0 and term.out.rstrip().endswith(LEAVE), how


def screen(out):
    """The lines of the last complete screen."""
    drawing = out.split(HOME)[-1].split(b"\x1b[J")[0]
    return [line.replace(b"\x1b[K", b"").decode() for line in drawing.split(b"\r\n")]


def test_a_small_window(world):
    """It prints no more lines than the window has, and says what is missing; a larger window shows
    everything."""
    for _ in range(5):
        world.connect()
    term = Terminal("--connections", "--watch", "1", rows=10)
    try:
        term.read_until(b"more lines")
        lines = screen(term.out)
        assert len(lines) == 10 and max(map(len, lines)) <= 80
        shown, hidden = 9, int(re.match(r"(\d+) more lines", lines[-1])[1])
        fcntl.ioctl(term.fd, termios.TIOCSWINSZ, struct.pack("4H", 60, 80, 0, 0))
        term.out = b""
        term.read_until(b"\x1b[J")
        lines = screen(term.out)
        assert len(lines) == shown + hidden + 1 and lines[-1] == ""
        assert sum("143/listen" in line for line in lines) == 5
    finally:
        os.kill(term.pid, signal.SIGTERM)
        assert term.end() == 0


def test_suspended(world):
    """^Z restores the terminal, and fg takes it over again."""
    term = Terminal("--connections", "--watch", "1")
    try:
        term.read_until(b"no live connection")
        os.write(term.fd, b"\x1a")
        term.read_until(LEAVE)
        os.waitpid(term.pid, os.WUNTRACED)
        assert termios.tcgetattr(term.fd) == term.before
        term.out = b""
        os.kill(term.pid, signal.SIGCONT)
        term.read_until(ENTER)
        term.read_until(b"no live connection")
    finally:
        os.kill(term.pid, signal.SIGTERM)
        assert term.end() == 0
