# SPDX-License-Identifier: GPL-2.0-only
"""--audit of a service whose sockets are already MPTCP. All other cases need no hook; they are in
tests/system and on Linux 6.1 (nohook)."""

import os
import socket

from audit_cases import auditing, listen, name_me, only, rows
from mma import MPTCP, attach, inside, resident, run, so_protocol, wait_until


def subflows(sock):
    """The additional subflows that are established: mptcpi_subflows."""
    return sock.getsockopt(284, 1, 64)[0]


def test_an_attached_service(cgroup, net):
    attach(cgroup, "--port", "25", "--netns", f"/run/netns/{net.server}", "--netns", f"/run/netns/{net.client}")
    run(["ip", "addr", "add", "192.0.2.3/24", "dev", "c0"], netns=net.client)
    run(["ip", "mptcp", "endpoint", "add", "192.0.2.3", "dev", "c0", "subflow"], netns=net.client)

    def deliver():
        name_me("deliver")
        with socket.create_connection((net.V4["server"], 25), 20) as client:
            assert so_protocol(client) == MPTCP
            client.sendall(b"EHLO")
            wait_until(lambda: subflows(client) == 1, "the second path is up")

    def serve():
        name_me("master")
        return listen(25, "0.0.0.0")
    with auditing(cgroup) as audit:
        with resident(lambda: answer(serve()), cgroup=cgroup, netns=net.server):
            inside(deliver, cgroup=cgroup, netns=net.client)
        report = audit.end()
    assert [r["command"] for r in rows(report)[25, "listen"]] == ["master"]
    # The kernel thread that makes the second path does not count as a command.
    assert only(report, 25, "connect")["command"] == "deliver"
    assert only(report, 25, "connect")["connections"] == 1
    assert report["lists"]["suggested"] == "25/listen"


def answer(server):
    """Accepts in a child: the listener is reported under the parent's name."""
    if not os.fork():
        try:
            conn, _ = server.accept()
            while conn.recv(100):
                pass
        finally:
            os._exit(0)
