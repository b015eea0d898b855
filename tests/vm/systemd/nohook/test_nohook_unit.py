# SPDX-License-Identifier: GPL-2.0-only
"""A kernel without the hook (6.1): the server starts, and one line says why it speaks TCP."""

from units import TCP, Unit, enable, install, reload_systemd, run, show, THIS


def test_server_starts(clean):
    unit = Unit("server.service", 25)
    reload_systemd()
    enable("server")
    unit.start()
    assert unit.protocol() == TCP
    lines = unit.lines()
    assert len(lines) == 1 and "this kernel does not have the hook; use Linux 6.6 or later" in lines[0], lines
    assert show("server.service", "Result") == "success"


def test_package(clean):
    """The package installs, upgrades and is removed, whatever the kernel."""
    install(THIS)
    run(["ip", "link", "add", "new0", "type", "dummy"])
    run(["udevadm", "settle"])
    assert show("mptcp-mail-attach-refresh.service", "ActiveState") == "inactive"
    run(["dpkg", "-P", "mptcp-mail-attach"], timeout=300)
    install(THIS)
