# SPDX-License-Identifier: GPL-2.0-only
"""Which unit makes the sockets: --enable takes the one in which the server runs, or says which one
that is."""

import os
import shutil

from units import (DROPIN, HERE, MPTCP, RUNTIME, TCP, Unit, active, disable, enable, reload_systemd, show, speaks_mptcp)

STARTS_NOTHING = "Type=oneshot\nRemainAfterExit=yes\nExecStart=\nExecStart=/bin/true"


def instances():
    """Postfix as in Debian 12 and Ubuntu 22.04 and 24.04: postfix.service starts /bin/true; a
    generator makes it want postfix@-.service, which is PartOf= it and runs the server."""
    whole = Unit("mail.service", settings=STARTS_NOTHING)
    part = Unit("mail@.service", 2525, unit="PartOf=mail.service\nBefore=mail.service")
    os.makedirs(f"{RUNTIME}/mail.service.wants")
    os.symlink(part.file, f"{RUNTIME}/mail.service.wants/mail@-.service")
    part.name = "mail@-.service"
    reload_systemd()
    return whole, part


def test_postfix_of_debian_12(clean):
    whole, part = instances()
    got = enable("mail", "--port", "2525")
    assert got.out == "enabled mail@.service\n"
    assert "mail.service: starts no server itself; mail@.service does, and is used instead" in got.err
    assert os.listdir(os.path.dirname(DROPIN.format("mail@.service"))) == [os.path.basename(part.dropin)]
    assert not os.path.exists(DROPIN.format("mail.service"))
    whole.start()
    assert part.protocol() == MPTCP
    assert speaks_mptcp(2525)
    assert disable("mail", "--now").out == "disabled mail@.service\nwas not enabled mail.service\n"
    assert part.protocol() == TCP


def test_postfix_of_debian_12_running(clean):
    """--now restarts the instances."""
    whole, part = instances()
    whole.start()
    assert part.protocol() == TCP
    enable("mail", "--port", "2525", "--now")
    assert part.protocol() == MPTCP
    assert active("mail.service")
    assert enable("mail", "mail@.service", "--port", "2525").out == "already enabled mail@.service\n"


def test_both_from_an_older_version(clean):
    """0.1.0 enabled a unit that starts nothing: --disable finds that one, too."""
    whole, part = instances()
    older = f"/etc/systemd/system/{whole.name}.d/mptcp-mail-attach.conf"
    os.makedirs(os.path.dirname(older))
    with open(older, "w") as f:
        f.write("[Service]\nExecStartPre=-+/usr/sbin/mptcp-mail-attach --cgroup self\n")
    enable("mail")
    assert disable("mail").out == "disabled mail@.service\ndisabled mail.service\n"
    assert not os.path.exists(older) and not os.path.exists(part.dropin)


def test_started_by_another_unit(clean):
    """A control panel starts nginx itself, beside nginx.service."""
    program = "/usr/local/bin/webserver"
    shutil.copy(f"{HERE}/../server", program)
    try:
        Unit("web.service", settings=f"ExecStart=\nExecStart={program} 2525")
        panel = Unit("panel.service", 2525, f"ExecStart=\nExecStart={program} 2525")
        reload_systemd()
        panel.start()
        got = enable("web")
        assert got.out == "enabled web.service\n"
        assert (f"web.service: its program {program} listens in panel.service; if that is the server, enable that unit: "
                "--enable panel.service\n") in got.err
        assert "listens in" not in enable("web", "panel").err
        panel.stop()
        assert "listens in" not in enable("web").err
    finally:
        os.unlink(program)


def test_starts_nothing(clean):
    """A unit that has ended, and of which no part is known."""
    unit = Unit("once.service", settings=STARTS_NOTHING)
    reload_systemd()
    assert "starts no server" not in enable("once").err, "it may yet"
    unit.start()
    assert "once.service: starts no server itself, and no process of it runs" in enable("once").err
    # A daemon that its script left behind belongs to the unit.
    daemon = Unit("script.service", settings="Type=oneshot\nRemainAfterExit=yes\nExecStart=\n"
                  f"ExecStart=/bin/sh -c '{HERE}/../server 2525 >/dev/null 2>&1 &'")
    reload_systemd()
    daemon.start()
    assert "starts no server" not in enable("script").err
    assert show("script.service", "ActiveState") == "active"
