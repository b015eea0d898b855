# SPDX-License-Identifier: GPL-2.0-only
"""Units with their own network namespace or root directory."""

import os

import mma
from units import (HERE, MPTCP, TCP, Unit, enable, greeting, reload_systemd, run, show, speaks_mptcp)


def test_network_namespace_of_its_own(clean):
    """The drop-in runs inside the namespace ("+" lifts the sandbox, but not this), so it is
    covered: MPTCP, and the allowlist is enforced there."""
    unit = Unit("alone.service", "2525 2526", "PrivateNetwork=yes")
    enable("alone", "--port", "2525")
    for _ in range(3):
        unit.restart()
        shown = show("alone.service", "StatusText", "MainPID")
        assert shown["StatusText"] == f"2525={MPTCP} 2526={MPTCP}"
        place = {"netns": f"/proc/{shown['MainPID']}/ns/net"}
        assert greeting(2525, **place) == (f"{MPTCP}\n", True)
        assert greeting(2526, **place) == (f"{TCP}\n", False)
        covered = mma.map_dict("netns")
        assert len(covered) == 1, "the one of the start before is swept"
        assert [n["uncovered"] for n in mma.status()["netns"] if n["cookie"] in covered] == [0]


def test_named_network_namespace(clean):
    run(["ip", "netns", "add", "box"])
    try:
        run(["ip", "-n", "box", "link", "set", "lo", "up"])
        unit = Unit("boxed.service", "2525 2526", "NetworkNamespacePath=/run/netns/box")
        enable("boxed", "--port", "2525")
        unit.start()
        assert show("boxed.service", "StatusText") == f"2525={MPTCP} 2526={MPTCP}"
        assert greeting(2525, netns="box") == (f"{MPTCP}\n", True)
        assert greeting(2526, netns="box") == (f"{TCP}\n", False)
        unit.stop()
    finally:
        run(["ip", "netns", "del", "box"])


def test_root_directory(clean):
    """The command is not found inside: TCP, and --enable gives the reason. With the command's path
    as seen from outside: MPTCP."""
    root = "/srv/jail"
    for directory in ("bin", "dev", "proc", "sys", "run", "tmp"):
        os.makedirs(f"{root}/{directory}", exist_ok=True)
    run(["cp", f"{HERE}/../server", f"{root}/bin/server"])
    unit = Unit("jail.service", 2525, f"RootDirectory={root}\nMountAPIVFS=yes\nExecStart=\nExecStart=/bin/server 2525")
    reload_systemd()
    got = enable("jail", "--port", "2525")
    assert "jail.service: has its own root directory" in got.err
    unit.start()
    assert unit.protocol() == TCP
    mma.mma("--cgroup", "system.slice/jail.service", "--port", "2525", check=True)
    unit.restart()
    assert unit.protocol() == MPTCP
    assert speaks_mptcp(2525)


def test_mptcp_off(clean):
    """The tool does not switch it on: TCP with a message, and no failure."""
    unit = Unit("off.service", 2525)
    enable("off", "--port", "2525")
    mma.sysctl("net.mptcp.enabled", 0)
    try:
        unit.start()
        assert unit.protocol() == TCP
        lines = unit.lines()
        assert len(lines) == 2 and "MPTCP is switched off" in lines[1], lines
    finally:
        mma.sysctl("net.mptcp.enabled", 1)
    unit.restart()
    assert unit.protocol() == MPTCP
