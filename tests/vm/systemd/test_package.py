# SPDX-License-Identifier: GPL-2.0-only
"""Removal and purge of the package while services run."""

import os

import pytest

import mma
from units import (MPTCP, TCP, THIS, START, TOOL, Unit, enable, install, journal, run, show, systemctl,
                   wait_until_none_is_ours)


@pytest.fixture
def installed(clean):
    yield
    install(THIS)


def test_files():
    files = run(["dpkg", "-L", "mptcp-mail-attach"]).out.split()
    assert {TOOL, START, "/usr/lib/udev/rules.d/90-mptcp-mail-attach.rules",
            "/usr/lib/systemd/system/mptcp-mail-attach-refresh.service",
            "/usr/share/bash-completion/completions/mptcp-mail-attach"} <= set(files)
    assert show("mptcp-mail-attach-refresh.service", "LoadState") == "loaded"
    got = run(["systemd-analyze", "--man=no", "verify", "mptcp-mail-attach-refresh.service"], check=False)
    assert got.rc == 0 and "mptcp-mail-attach" not in got.err, got.err
    run(["udevadm", "verify", "/usr/lib/udev/rules.d/90-mptcp-mail-attach.rules"])


@pytest.mark.usefixtures("installed")
def test_remove_and_purge(clean):
    other = "/etc/systemd/system/server.service.d/other.conf"
    unit = Unit("server.service", 25)
    alone = Unit("alone.service", 26)
    enable("server", "alone")
    with open(other, "w") as f:
        f.write("[Service]\nEnvironment=OURS=no\n")
    systemctl("daemon-reload")
    systemctl("start", "server.service", "alone.service")
    assert unit.protocol() == MPTCP

    got = run(["dpkg", "-r", "mptcp-mail-attach"], timeout=300)
    assert "*:25" in got.err + got.out or "[::]:25" in got.err
    assert "systemctl restart server.service" in got.err
    assert not os.path.exists(mma.PINS)
    wait_until_none_is_ours()
    assert os.path.exists(unit.dropin), "configuration stays until purge"
    unit.restart()
    assert unit.protocol() == TCP
    # systemd's own line: the command does not exist.
    assert [e["MESSAGE"] for e in journal("server.service")["server.service"]
            if START in e["MESSAGE"] and e.get("INVOCATION_ID") == show("server.service", "InvocationID")]

    run(["dpkg", "-P", "mptcp-mail-attach"], timeout=300)
    assert not os.path.exists(os.path.dirname(alone.dropin))
    assert os.listdir(os.path.dirname(unit.dropin)) == ["other.conf"], "what others wrote stays"
    assert show("server.service", "NeedDaemonReload") == "no"
    assert show("server.service", "ExecStartPre") == ""
    os.unlink(other)
    os.rmdir(os.path.dirname(other))
    found = run(["find", "/", "-xdev", "(", "-path", "/payload", "-o", "-path", "/out", ")", "-prune", "-o", "-name",
                 "*mptcp-mail*", "-print"]).out
    found += run(["find", "/run", "-xdev", "-name", "*mptcp-mail*"]).out
    assert found == ""
    assert "mptcp-mail" not in run(["dpkg", "-l"]).out
    unit.restart()
    assert unit.protocol() == TCP
