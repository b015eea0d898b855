# SPDX-License-Identifier: GPL-2.0-only
"""Linux 6.1 has no hook. Every mode that needs it refuses clearly, and nothing is left behind."""

import os
import re
import socket

import pytest

from mma import PINS, TCP, inside, make_socket, mma, objects, so_protocol, wait_until
from test_oci import Container

pytestmark = pytest.mark.usefixtures("clean")


@pytest.mark.parametrize("words", [[], ["--port", "all"], ["--port", "25,465/listen"], ["--netns", "/proc/self/ns/net"],
                                   ["-q"]], ids=" ".join)
def test_attach_refuses(cgroup, words):
    before = objects()
    done = mma("--cgroup", cgroup, *words)
    assert done.rc == 3
    assert done.out == ""
    assert re.fullmatch(r"mptcp-mail-attach: update_socket_protocol: this kernel does not have the hook; "
                        r"use Linux 6\.6 or later[^\n]*\n", done.err), done.err
    assert not os.path.exists(PINS)
    wait_until(lambda: objects() == before, "nothing stays in the kernel")
    with make_socket(cgroup=cgroup) as sock:
        assert so_protocol(sock) == TCP


def test_a_cgroup_that_is_not_there(cgroup):
    assert mma("--cgroup", f"{cgroup}/later.service").rc == 3
    assert not os.path.exists(PINS)


def test_refuses_each_time(cgroup):
    assert [mma("--cgroup", cgroup).rc for _ in range(3)] == [3, 3, 3]


def test_usage_comes_first(cgroup):
    assert mma("--cgroup", cgroup, "--port", "0").rc == 2
    assert mma("--cgroup", "/").rc == 2


def test_the_service_serves_all_the_same(cgroup):
    """ExecStartPre=- and then the server."""
    def start():
        mma("--cgroup", "self")
        with socket.create_server(("127.0.0.1", 2525)) as server, \
                socket.create_connection(("127.0.0.1", 2525)) as client:
            conn, _ = server.accept()
            with conn:
                conn.sendall(b"220")
                return client.recv(3)
    assert inside(start, cgroup=cgroup) == b"220"


@pytest.mark.parametrize("words, rc, message", [
    (["--status"], 0, None),
    (["--status", "--json"], 0, None),
    (["--detach"], 0, "nothing is attached"),
    (["--refresh"], 0, "nothing is attached"),
    (["--allow", "25"], 1, "nothing is attached"),
    (["--deny", "25"], 1, "nothing is attached"),
    (["--version"], 0, None),
    (["--help"], 0, None),
], ids=lambda v: v[0] if isinstance(v, list) else "")
def test_other_modes(words, rc, message):
    done = mma(*words)
    assert done.rc == rc, done
    if message:
        assert message in done.err
    assert not os.path.exists(PINS)


def test_a_container_starts_as_tcp():
    box = Container()
    try:
        done = box.start()
        assert done.rc == 3
        assert done.err.startswith(f"mptcp-mail-attach: container {box.id[:12]} (docker): stays TCP: ")
        assert "update_socket_protocol" in done.err and len(done.err.splitlines()) == 1
        assert box.socket() == TCP
        assert not os.path.exists(PINS)
    finally:
        box.remove()
