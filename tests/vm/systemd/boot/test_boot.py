# SPDX-License-Identifier: GPL-2.0-only
"""After a reboot: Debian's own mail servers with the drop-ins of --enable, all started by the boot
at the same time; then what an administrator may do with them."""

import pytest

from mma import service, status
from units import (SERVERS, TCP, active, disable, drop_in_lines, enable, greeting, run, show, speaks_mptcp, systemctl,
                   wait_until)


def listeners(unit):
    """{port: protocols} from --status, which reads them from the kernel."""
    found = {}
    for listener in service(f"/system.slice/{unit}")["listeners"]:
        found.setdefault(listener["port"], set()).add(listener["proto"])
    return found


def test_this_is_another_boot():
    with open("/proc/sys/kernel/random/boot_id") as now, open("/var/lib/first-boot") as first:
        assert now.read() != first.read()


def test_started_at_once():
    """No server waited for another: their starts overlap, and so did the loaders."""
    times = {unit: show(unit, "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic") for unit in SERVERS}
    begins = {u: int(t["InactiveExitTimestampMonotonic"]) for u, t in times.items()}
    ends = {u: int(t["ActiveEnterTimestampMonotonic"]) for u, t in times.items()}
    assert max(begins.values()) < min(ends.values()), (begins, ends)


@pytest.mark.parametrize("unit", SERVERS)
def test_attached(unit):
    assert active(unit)
    assert drop_in_lines(unit, show(unit, "InvocationID")) == [f"attached /system.slice/{unit}"]
    assert service(f"/system.slice/{unit}")["alive"]


def test_status():
    now = status()
    assert now["armed"]
    assert [n["uncovered"] for n in now["netns"]] == [0]
    assert listeners("postfix.service") == {25: {"mptcp"}}
    assert listeners("dovecot.service") == {port: {"mptcp"} for port in (110, 143, 993, 995)}
    assert listeners("nginx.service") == {80: {"mptcp"}}


@pytest.mark.parametrize("port", [25, 110, 143])
def test_mail(port):
    for addr in ("127.0.0.1", "::1"):
        assert speaks_mptcp(port, addr=addr)
    assert greeting(port, proto=TCP)[1] is False, "a plain client is served as ever"


def test_web_site_stays_tcp():
    assert greeting(80, say=b"GET / HTTP/1.0\r\n\r\n")[1] is False


def test_dovecot_by_its_socket():
    """systemd opens the sockets: the socket unit is attached, too."""
    systemctl("stop", "dovecot.service")
    systemctl("start", "dovecot.socket")
    got = enable("dovecot.service")
    assert "dovecot.service: dovecot.socket opens its sockets" in got.err
    systemctl("start", "dovecot.service")
    assert speaks_mptcp(110) and not speaks_mptcp(143)
    enable("dovecot.service", "dovecot.socket", "--now")
    assert active("dovecot.socket") and active("dovecot.service")
    assert listeners("dovecot.socket") == {143: {"mptcp"}, 993: {"mptcp"}}
    assert speaks_mptcp(143) and speaks_mptcp(110)
    # Only the socket runs: its service starts with the first connection.
    systemctl("stop", "dovecot.service")
    assert speaks_mptcp(143)
    wait_until(lambda: active("dovecot.service"), "dovecot starts")


def test_reload():
    systemctl("reload", *SERVERS)
    assert speaks_mptcp(25) and speaks_mptcp(110)


def test_disable_restart_enable():
    """TCP after the first, MPTCP after the last."""
    disable(*SERVERS, "dovecot.socket", "--now")
    assert not status()["services"]
    for port in (25, 110, 143):
        assert not speaks_mptcp(port), port
    systemctl("stop", "dovecot.socket")
    got = enable(*SERVERS)
    assert got.err.count("its sockets stay as they are until it restarts") == 3
    systemctl("restart", "dovecot.service", "nginx.service")
    assert speaks_mptcp(110) and speaks_mptcp(143)
    assert not speaks_mptcp(25), "postfix has not restarted"


def test_purge():
    got = run(["dpkg", "-P", "mptcp-mail-attach"], timeout=300)
    assert "systemctl restart" in got.err
    systemctl("restart", "dovecot.service", "nginx.service")
    for port in (110, 143):
        assert not speaks_mptcp(port), port
