# SPDX-License-Identifier: GPL-2.0-only
"""Whatever becomes of the command: the server starts, in bounded time, and the
journal has one line that says why it speaks plain TCP."""

import contextlib
import fcntl
import os

import pytest

import mma
from units import MPTCP, TCP, TOOL, Unit, drop_in_lines, enable, reload_systemd, show, show_all, systemctl

KEEPS = True
# Far from the 90 s after which systemd gives up on a start.
LIMIT = 30

ABOUT = "command ‘/usr/sbin/mptcp-mail-attach’"
FOREVER = "trap '' TERM; while :; do sleep 1000; done"
# What the command does, the lines of it in the journal, settings of the unit.
CASES = {
    "exits": ("echo 'mptcp-mail-attach: /x: on purpose; mend it' >&2; exit 1",
              ["mptcp-mail-attach: /x: on purpose; mend it"], ""),
    # Whoever exits without a word cannot be given one.
    "silent": ("exit 1", [], ""),
    "hangs": ("exec sleep 1000", [f"timeout: sending signal TERM to {ABOUT}"], ""),
    "stays": (FOREVER, [f"timeout: sending signal {name} to {ABOUT}" for name in ("TERM", "KILL")], ""),
    # systemd would give up before the usual bound, and "-" does not help there.
    "hasty": (FOREVER, [f"timeout: sending signal {name} to {ABOUT}" for name in ("TERM", "KILL")],
              "TimeoutStartSec=12"),
    "waits": (f'exec {TOOL}.away "$@"',
              ["mptcp-mail-attach: /run/mptcp-mail-attach.lock: held by another run for 5 s; see who: fuser "
               "/run/mptcp-mail-attach.lock"], ""),
}


@contextlib.contextmanager
def replaced(content):
    """A script, or bytes, or nothing, in the command's place."""
    os.rename(TOOL, f"{TOOL}.away")
    try:
        if content is not None:
            with open(TOOL, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
            os.chmod(TOOL, 0o755)
        yield
    finally:
        os.rename(f"{TOOL}.away", TOOL)


def plain(lines):
    """timeout(1) quotes as its locale has it."""
    return [line.replace("'/", "‘/").replace("'", "’") if line.startswith("timeout") else line for line in lines]


@pytest.fixture(scope="module")
def fleet(clean_module):
    """A unit for each case, all started at once: {case: what systemd shows}."""
    units = {case: Unit(f"{case}.service", 2600 + i, CASES[case][2]) for i, case in enumerate(CASES)}
    reload_systemd()
    enable(*CASES)
    with open(units["hasty"].dropin) as f:
        assert "timeout -v -k 1.2 4.8 " in f.read()
    script = "".join(f"*/{case}.service) {command} ;;\n" for case, (command, _, _) in CASES.items())
    with replaced(f"#!/bin/sh\nread -r cgroup </proc/self/cgroup\ncase $cgroup in\n{script}esac\n"), \
            open("/run/mptcp-mail-attach.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        systemctl("start", *[unit.name for unit in units.values()], check=False, timeout=300)
    shown = show_all(units.values(), "StatusText", "InvocationID", "Result", "InactiveExitTimestampMonotonic",
                     "ActiveEnterTimestampMonotonic")
    return {case: (unit, shown[unit.name]) for case, unit in units.items()}


@pytest.mark.parametrize("case", CASES)
def test_command(fleet, case):
    unit, shown = fleet[case]
    assert shown["Result"] == "success"
    assert unit.protocol(shown["StatusText"]) == TCP
    assert plain(drop_in_lines(unit.name, shown["InvocationID"])) == CASES[case][1]
    begin, end = int(shown["InactiveExitTimestampMonotonic"]), int(shown["ActiveEnterTimestampMonotonic"])
    assert 0 < end - begin < LIMIT * 1000000


@pytest.fixture(scope="module")
def unit(clean_module):
    made = Unit("server.service", 2525)
    reload_systemd()
    enable("server", "--port", "2525")
    return made


def start(unit):
    """Its protocol, and the lines of the drop-in."""
    unit.start()
    shown = show(unit.name, "StatusText", "InvocationID", "Result")
    assert shown["Result"] == "success"
    lines = drop_in_lines(unit.name, shown["InvocationID"])
    unit.stop()
    return unit.protocol(shown["StatusText"]), plain(lines)


@pytest.mark.parametrize("script", [None, "#!/nowhere\n"], ids=["missing", "no-interpreter"])
def test_not_found(unit, script):
    with replaced(script):
        assert start(unit) == (TCP, [f"timeout: failed to run {ABOUT}: No such file or directory"])


DAMAGE = {
    "empty": lambda whole: b"",
    "cut short": lambda whole: whole[:len(whole) // 2],
    "of nulls": lambda whole: whole[:4096] + bytes(len(whole) - 4096),
    "of another machine": lambda whole: whole[:18] + b"\xff\xff" + whole[20:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_corrupt(unit, how):
    with open(TOOL, "rb") as f:
        whole = f.read()
    with replaced(DAMAGE[how](whole)):
        protocol, lines = start(unit)
    assert len(lines) <= 1, lines
    assert protocol == TCP
    assert not os.path.exists(mma.PINS)


def test_not_executable(unit):
    os.chmod(TOOL, 0o644)
    try:
        assert start(unit) == (TCP, [f"timeout: failed to run {ABOUT}: Permission denied"])
    finally:
        os.chmod(TOOL, 0o755)


def test_foreign_pins(unit):
    os.mkdir(mma.PINS, 0o755)
    try:
        protocol, lines = start(unit)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(mma.PINS)
    assert protocol == TCP
    assert len(lines) == 1 and "open to others than root" in lines[0] and "run again" in lines[0], lines


def test_then_it_attaches(unit):
    assert start(unit) == (MPTCP, ["attached /system.slice/server.service"])
