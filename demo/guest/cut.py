# SPDX-License-Identifier: GPL-2.0-only
"""--connections, and an IMAP fetch during which one of two paths is cut; the paths and the fetch
are those of figures/."""

import contextlib
import hashlib
import os
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../figures/guest"))
import fetch
import mail
import network
import terminal
from claims import claim, command, say
from kernel import MPTCP, TCP

CONNECTIONS = ["mptcp-mail-attach", "--connections"]
MESSAGE = 10_000_000
MAILBOX = "/srv/mail/demo/Maildir/new"


def set_up():
    """Sets up a second client behind two links, and a big message in the mailbox."""
    network.NETNS = "roaming"
    network.set_up()
    body = fetch.big_message(MESSAGE)
    with open(f"{MAILBOX}/2.big", "wb") as f:
        f.write(body)
    subprocess.run(["chown", "mail:mail", f"{MAILBOX}/2.big"], check=True)
    return body


def look(body):
    """Looks at a fetch over both paths when half of it has arrived, beside a client with one path
    and one without MPTCP."""
    shown = []

    def run():
        shown.append(subprocess.run(CONNECTIONS, stdout=subprocess.PIPE, text=True, check=False).stdout)
    with contextlib.ExitStack() as stack:
        for protocol in (MPTCP, TCP):
            stack.enter_context(mail.dial(protocol, 143)).recv(1000)
        result = fetch.fetch(MPTCP, network.SERVER[1], cut=run)
    say(f"$ {' '.join(CONNECTIONS)}", indent=2)
    say(shown[0], indent=4, hang=2)
    with open(f"{os.environ['OUT']}/connections.txt", "w", encoding="utf-8") as f:
        f.write(shown[0])
    with open(f"{os.environ['OUT']}/connections.svg", "w", encoding="utf-8") as f:
        f.write(terminal.picture(" ".join(CONNECTIONS), shown[0]))
    with claim("cut.connections", "--connections shows a fetch by two paths, a client by one, and a client by TCP") as c:
        c.holds(result.complete and result.size == len(body))
        lines = shown[0].splitlines()
        for what in ("MPTCP, 2 paths", "MPTCP, 1 path", "TCP"):
            c.holds(sum(line.endswith(f"    {what}") for line in lines) == 1)
        for device in ("s1", "s2"):
            c.holds(any(f" {device} " in line for line in lines))


def fetch_it(c, body, protocol):
    """Fetches, and cuts the first path halfway through; whether all of it arrived."""
    network.shape("s1")
    network.shape("c1", network.NETNS)
    result = fetch.fetch(protocol, network.SERVER[1], cut=network.cut_silently)
    c.show(f"{result.points[-1][1]} of {len(body)} bytes, longest stall {result.longest_stall:.2f} s")
    return result.complete and result.sha256 == hashlib.sha256(body).hexdigest()


def show():
    body = set_up()
    command("mptcp-mail-attach", "--refresh")  # strip on the new links
    command("ip", "mptcp", "endpoint", "add", network.SERVER[2], "dev", "s2", "signal")
    command("ip", "mptcp", "limits", "set", "subflows", "1")
    command("ip", "-n", network.NETNS, "mptcp", "limits", "set", "subflows", "1", "add_addr_accepted", "1")
    look(body)
    with claim("cut.mptcp", "the path is cut at the half: by MPTCP the message comes whole") as c:
        c.holds(fetch_it(c, body, MPTCP))
    with claim("cut.tcp", f"by TCP it hangs: nothing for {fetch.GIVE_UP} s, and we give up") as c:
        c.holds(not fetch_it(c, body, TCP))
    subprocess.run(["ip", "mptcp", "endpoint", "flush"], check=True)
    network.tear_down()
