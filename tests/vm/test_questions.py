# SPDX-License-Identifier: GPL-2.0-only
"""What an administrator asks, and the one line of --status that answers it."""

import re
import socket

from mma import MPTCP, listen, make_socket, mma, resident, run, sysctl, try_connection

NOBODY = 65534

# The question; the answer, as a line of --status.
QUESTIONS = [
    ("Is it at work?", r"armed       yes"),
    ("Which ports may speak MPTCP?", r"allowlist   25/listen 993/listen 4190/denied"),
    ("Is the service attached?", r"  attached, cgroup id \d+"),
    ("Is port 25 MPTCP now?", r"  listens MPTCP 0\.0\.0\.0:25"),
    ("Is 993?", r"  listens TCP   0\.0\.0\.0:993"),
    ("Why is it TCP?", r"    made before the attach, or while MPTCP was off; restart t\d+\.service"),
    ("Does the service speak MPTCP on other ports, too?",
     r"  listens MPTCP 127\.0\.0\.1:8025 +not on the list: connections are TCP"),
    ("Did anybody use it, and how many fell back?", r"    25/listen +2 +0 +1 +0 +\d+"),
    ("What do those columns mean?", r"  connections +MPTCP +fell back +plain +off list +subflows"),
    ("Are look-ups and other outgoing sockets left alone?", r"  kept TCP: may not bind a listed port +1"),
    ("Has the service restarted since?", r"  restarts since attach +1"),
    ("Do the socket options work that the server sets?", r"  socket options are repaired"),
    ("Is the list enforced on every interface?", r"  allowlist enforced on (all \d+ interfaces|its only interface)"),
    ("Is MPTCP on?", r"  MPTCP is on \(net\.mptcp\.enabled\)"),
    ("Can a connection have a second path?",
     r"  extra paths per connection: up to 2 \(1 to addresses that the peer announces\)"),
    ("Is there an address for it?", r"    endpoints here: 1, announced to peers: 1"),
]


def connections(listener):
    """Two over MPTCP, one over TCP."""
    for proto in (MPTCP, MPTCP, 0):
        try_connection(listener, socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto))


def test_each_is_answered_by_one_line(cgroup):
    mma("--cgroup", cgroup, "--port", "25/listen,993/listen", check=True)
    mma("--deny", "4190", check=True)
    cgroup.restart()
    mma("--refresh", check=True)
    run(["ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "1"])
    run(["ip", "mptcp", "endpoint", "add", "203.0.113.9", "signal"])
    try:
        sysctl("net.mptcp.enabled", 0)
        with resident(cgroup=cgroup), listen(993, cgroup=cgroup):
            sysctl("net.mptcp.enabled", 1)
            with listen(25, cgroup=cgroup) as mail, listen(8025, "127.0.0.1", cgroup=cgroup):
                connections(mail)
                make_socket(cgroup=cgroup, uid=NOBODY).close()
                lines = mma("--status", check=True).out.splitlines()
    finally:
        sysctl("net.mptcp.enabled", 1)
        run(["ip", "mptcp", "endpoint", "flush"])
    for question, answer in QUESTIONS:
        found = [line for line in lines if re.fullmatch(answer, line)]
        assert len(found) == 1, f"{question} {answer}\n" + "\n".join(lines)
