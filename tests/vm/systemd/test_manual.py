# SPDX-License-Identifier: GPL-2.0-only
"""The commands in the examples of the manual and the README, run unchanged, with units of the same
names."""

import os
import re

import mma
from mma import run
from units import MPTCP, TCP, Unit

HERE = os.path.dirname(os.path.abspath(__file__))
LISTEN, CONNECT, BOTH = 1, 2, 3


def blocks(name, heading):
    """The code blocks of a section, each as a list of lines."""
    with open(f"{HERE}/../{name}") as f:
        section = re.split(r"^#+ ", f.read(), flags=re.M)
    text, = (s for s in section if s.startswith(heading + "\n"))
    return [block.strip().splitlines() for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S)]


def typed(lines):
    for line in lines:
        run(["sh", "-ec", line.split("  #")[0]], timeout=120)


def test_manual(clean):
    postfix, dovecot = Unit("postfix.service", 25), Unit("dovecot.service", 143)
    enabled, by_hand, connects, denied, bpftool = blocks("mptcp-mail-attach.8.scd", "EXAMPLES")
    postfix.start()
    dovecot.start()
    typed(enabled)
    assert postfix.protocol() == dovecot.protocol() == MPTCP
    assert mma.map_dict("ports") == {port: LISTEN for port in (25, 465, 587, 110, 995, 143, 993)}
    mma.mma("--disable", "postfix.service", "dovecot.service", "--now", check=True)
    assert postfix.protocol() == dovecot.protocol() == TCP

    typed(by_hand)
    assert postfix.protocol() == MPTCP and mma.map_dict("ports") == {25: BOTH, 587: BOTH}
    mma.mma("--deny", "25", check=True)
    typed(connects)
    assert mma.map_dict("ports")[25] & BOTH == CONNECT
    typed(denied[:1])
    assert mma.map_dict("ports")[25] == 0
    typed(denied[1:])
    assert mma.map_dict("ports")[25] & BOTH == LISTEN
    typed(bpftool)
    assert mma.map_dict("ports") == {25: BOTH}


def test_readme(clean):
    postfix = Unit("postfix.service", 25)
    postfix.start()
    commands = next(b for b in blocks("README.md", "Quick start") if b[0].startswith("mptcp-mail-attach --cgroup"))
    *before, audit, detach = commands
    typed(before)
    postfix.restart()
    assert postfix.protocol() == MPTCP
    assert mma.map_dict("ports") == {25: BOTH, 587: 0, **{port: BOTH for port in range(4190, 4196)}}
    done = run(["sh", "-ec", audit.split("  #")[0] + " --duration 1"])
    assert "25/listen" in done.out
    typed([detach])
    assert not os.path.exists(mma.PINS)
