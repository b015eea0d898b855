# SPDX-License-Identifier: GPL-2.0-only
"""Debian 12's own Postfix: postfix.service starts /bin/true, the server is postfix@-.service."""

from mma import service
from units import disable, enable, run, show, speaks_mptcp, systemctl


def listeners():
    found = service("/system.slice/system-postfix.slice/postfix@-.service")
    return {(listener["port"], listener["proto"]) for listener in found["listeners"]} if found else set()


def test_this_is_debian_12():
    assert run(["systemctl", "--version"]).out.startswith("systemd 252 ")
    assert "/bin/true" in show("postfix.service", "ExecStart")
    assert show("postfix.service", "ConsistsOf") == "postfix@-.service"


def test_enable_the_unit_that_everybody_knows(clean):
    run(["postconf", "-e", "inet_interfaces=loopback-only"])
    systemctl("start", "postfix.service", timeout=300)
    try:
        assert not speaks_mptcp(25)
        got = enable("postfix", "--now", timeout=300)
        assert got.out == "enabled postfix@.service\n"
        assert "postfix.service: starts no server itself; postfix@.service does, and is used instead" in got.err
        assert listeners() == {(25, "mptcp")}
        assert speaks_mptcp(25)
        systemctl("restart", "postfix.service", timeout=300)
        assert speaks_mptcp(25), "as an administrator restarts it"
        assert disable("postfix", "--now", timeout=300).out == (
            "disabled postfix@.service\nwas not enabled postfix.service\n")
        assert not speaks_mptcp(25)
    finally:
        systemctl("stop", "postfix.service", timeout=300)
