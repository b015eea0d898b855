# SPDX-License-Identifier: GPL-2.0-only
"""The capabilities that the tool needs. With exactly these everything works, and it drops all
others. Without one of them it fails as it should, or does without."""

import os
import re
import subprocess

import pytest

from mma import (MPTCP, PINS, TCP, _tool, make_socket, mma, resident,
                 run, so_protocol, status, wait_until)

# linux/capability.h
NEEDED = {"net_admin": 12, "sys_ptrace": 19, "sys_admin": 21, "syslog": 34, "perfmon": 38, "bpf": 39,
          "dac_read_search": 2}
MASK = sum(1 << bit for bit in NEEDED.values())


def with_alone(names, *args):
    """Runs the tool as root with only these capabilities."""
    words = ",".join(["-all", *(f"+{n}" for n in names)])
    return run(["setpriv", f"--bounding-set={words}", f"--inh-caps={words}", _tool(), *map(str, args)], check=False)


def protocol(cgroup):
    with make_socket(cgroup=cgroup) as sock:
        return so_protocol(sock)


def test_these_are_enough(cgroup, net):
    with resident(cgroup=cgroup, netns=net.server, uid=65534):
        for args in (["--check", "--cgroup", cgroup], ["--cgroup", cgroup, "--port", "25"], ["--refresh"],
                     ["--allow", "587"], ["--status"]):
            done = with_alone(NEEDED, *args)
            assert done.rc == 0, (args, done)
        now = status()
        assert now["armed"] and {n["uncovered"] for n in now["netns"]} == {0} and len(now["netns"]) == 2
        assert protocol(cgroup) == MPTCP
    done = with_alone(NEEDED, "--detach")
    assert done.rc == 0 and not os.path.exists(PINS)


def test_none_is_kept_beyond_them(cgroup):
    """Read from /proc during a run that lasts."""
    audit = subprocess.Popen([_tool(), "--audit", "--cgroup", str(cgroup), "--duration", "60"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def capabilities():
        with open(f"/proc/{audit.pid}/status", encoding="ascii") as f:
            return {k: int(v, 16) for k, v in re.findall(r"^Cap(Eff|Prm|Inh|Amb):\s+(\w+)$", f.read(), re.M)}
    try:
        wait_until(lambda: capabilities() == {"Eff": MASK, "Prm": MASK, "Inh": 0, "Amb": 0}, "the others are dropped")
    finally:
        audit.terminate()
        audit.communicate()


@pytest.mark.parametrize("missing", NEEDED)
def test_one_is_missing(cgroup, missing):
    """Either it attaches anyway, or it prints one line and leaves nothing."""
    done = with_alone(set(NEEDED) - {missing}, "--cgroup", cgroup)
    if done.rc:
        assert done.rc in (1, 3) and re.fullmatch(r"mptcp-mail-attach: [^\n]+\n", done.err), done
        assert not os.path.exists(PINS)
        assert protocol(cgroup) == TCP
    else:
        assert protocol(cgroup) == MPTCP
        mma("--detach", check=True)
