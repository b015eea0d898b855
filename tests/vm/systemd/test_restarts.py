# SPDX-License-Identifier: GPL-2.0-only
"""The life of a service with the drop-in of --enable: restarts, a crash, --deny at runtime.
Debian's own mail servers are in boot/."""

import os

from mma import mma, service
from units import (MPTCP, TCP, Unit, active, enable, greeting, own_objects, run, show, speaks_mptcp, wait_until,
                   wait_until_none_is_ours)


def test_fifty_restarts(clean):
    """Always MPTCP, and nothing grows."""
    wait_until_none_is_ours()
    told = "/run/server.told"
    unit = Unit("server.service", 25, f"CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nStandardOutput=append:{told}")
    enable("server")
    unit.start()
    unit.restart()
    before = own_objects()
    for _ in range(5):
        run(["sh", "-ec", "for i in 1 2 3 4 5 6 7 8 9 10; do systemctl restart server.service; done"])
        assert own_objects() == before
    line = f"attached /system.slice/server.service\n25={MPTCP}\n"
    with open(told) as f:
        assert f.read() == line + f"already {line}" * 51
    os.unlink(told)
    assert speaks_mptcp(25)
    assert service("/system.slice/server.service")["counters"]["restarts"] >= 51


def test_deny_survives_a_restart(clean):
    unit = Unit("server.service", 25)
    enable("server")
    unit.start()
    assert speaks_mptcp(25)
    mma("--deny", "25", check=True)
    assert not speaks_mptcp(25), "from the next handshake on"
    unit.restart()
    assert unit.protocol() == MPTCP
    assert greeting(25) == (f"{TCP}\n", False)
    enable("server", "--now")
    unit.restart()
    assert not speaks_mptcp(25)
    mma("--allow", "25/listen", check=True)
    assert speaks_mptcp(25)


def test_crash_restarts_by_systemd(clean):
    """Restart=: the drop-in runs again, as at every start."""
    unit = Unit("server.service", 25, "Restart=always\nRestartSec=0")
    enable("server")
    unit.start()
    pid = unit.pid()
    os.kill(pid, 9)
    wait_until(lambda: active("server.service") and unit.pid() not in (0, pid), "systemd restarts it")
    assert unit.protocol() == MPTCP
    assert speaks_mptcp(25)
    assert show("server.service", "NRestarts") == "1"
