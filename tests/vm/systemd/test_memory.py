# SPDX-License-Identifier: GPL-2.0-only
"""Units with little memory. Each starts with the drop-in exactly when it starts without, and then
always speaks MPTCP, however much memory loading the programs takes. A process killed for lack of
memory would make the start fail in spite of the "-"."""

import os

import pytest

import mma
from units import MPTCP, TCP, Unit, disable, enable, reload_systemd, run, show, systemctl

KEEPS = True

# systemd itself needs 1.7 to 1.9 MB of the service's cgroup to start anything: 1M is too little,
# 2M is just enough. Version 252 needs between 256 and 384 kB: 128K is too little. The programs
# take 11.6 MB.
LIMITS = {size: f"MemoryMax={size}" for size in ("128K", "1M", "2M", "6M", "9M", "12M")}
LIMITS |= {"slice": "Slice=tight.slice", "high": "MemoryHigh=4M",
           "all of it": "MemoryMax=6M\nMemorySwapMax=0\nOOMPolicy=kill\nTasksMax=3\nCPUQuota=30%"}
if os.environ.get("MMA_KILL", "short") != "short":
    LIMITS |= {size: f"MemoryMax={size}" for size in ("1536K", "2560K", "3M", "4M", "8M", "16M", "24M", "32M", "64M")}
    LIMITS |= {f"high {size}": f"MemoryHigh={size}" for size in ("2M", "9M", "16M")}
    LIMITS |= {"processor": "CPUQuota=20%", "tasks": "TasksMax=3", "policy": "MemoryMax=9M\nOOMPolicy=continue"}


def outcomes(units):
    """{case: (result, protocol of the listener, the drop-in's output)} of a start that has to load
    the programs."""
    found = {}
    for case, unit in units.items():
        mma.mma("--detach", "-q", check=True)
        systemctl("start", unit.name, check=False)
        shown = show(unit.name, "Result", "StatusText")
        protocol = unit.protocol(shown["StatusText"]) if shown["StatusText"] else None
        found[case] = (shown["Result"], protocol, unit.lines() if protocol == TCP else [])
        systemctl("stop", unit.name, check=False)
    return found


@pytest.fixture(scope="module")
def both(clean_module):
    """(without the drop-in, with it)"""
    run(["sh", "-c", "printf '[Slice]\nMemoryMax=6M\n' >/run/systemd/system/tight.slice"])
    units = {case: Unit(f"limit{i}.service", 2600 + i, settings) for i, (case, settings) in enumerate(LIMITS.items())}
    reload_systemd()
    plain = outcomes(units)
    enable(*[unit.name for unit in units.values()], "--port", "2600-2699")
    yield plain, outcomes(units)
    disable(*[unit.name for unit in units.values()])


@pytest.mark.parametrize("case", LIMITS)
def test_starts_as_without(both, case):
    (result, _, _), (with_dropin, protocol, lines) = (outcome[case] for outcome in both)
    assert with_dropin == result
    assert protocol == (MPTCP if result == "success" else None), lines


def test_the_table_has_both(both):
    assert {result for result, _, _ in both[0].values()} >= {"success", "oom-kill"}


def test_nothing_of_ours_stays_with_the_service(clean_module):
    """No service is charged for the maps' memory."""
    unit = Unit("charged.service", 2599)
    reload_systemd()

    def current():
        unit.restart()
        with open("/sys/fs/cgroup/system.slice/charged.service/memory.current", encoding="ascii") as f:
            return int(f.read())
    before = current()
    enable("charged", "--port", "2599")
    mma.mma("--detach", "-q", check=True)
    assert current() < before + 500000
    assert unit.protocol() == MPTCP
