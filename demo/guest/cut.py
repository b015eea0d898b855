# SPDX-License-Identifier: GPL-2.0-only
"""One of two paths is cut amid an IMAP fetch; the paths and the fetch are those of figures/."""

import hashlib
import os
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../figures/guest"))
import fetch
import network
from claims import claim, command
from kernel import MPTCP, TCP

MESSAGE = 10_000_000
MAILBOX = "/srv/mail/demo/Maildir/new"


def set_up():
    """A second client, behind two links; a big message in the box."""
    network.NETNS = "roaming"
    network.set_up()
    body = fetch.big_message(MESSAGE)
    with open(f"{MAILBOX}/2.big", "wb") as f:
        f.write(body)
    subprocess.run(["chown", "mail:mail", f"{MAILBOX}/2.big"], check=True)
    return body


def fetch_it(c, body, protocol):
    """With the first path cut at the half; whether all of it came."""
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
    with claim("cut.mptcp", "the path is cut at the half: by MPTCP the message comes whole") as c:
        c.holds(fetch_it(c, body, MPTCP))
    with claim("cut.tcp", f"by TCP it hangs: nothing for {fetch.GIVE_UP} s, and we give up") as c:
        c.holds(not fetch_it(c, body, TCP))
    subprocess.run(["ip", "mptcp", "endpoint", "flush"], check=True)
    network.tear_down()
