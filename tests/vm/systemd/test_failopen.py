# SPDX-License-Identifier: GPL-2.0-only
"""Whatever happens to the command, the server starts within bounded time, and one journal line
says why it speaks TCP."""

import contextlib
import fcntl
import os
import shutil

import pytest

import mma
from units import (HERE, IDENTIFIER, MPTCP, RUNTIME, START, TCP, TOOL, Unit, drop_in_lines, enable, journal,
                   reload_systemd, run, show, show_all, systemctl, wait_until)

KEEPS = True
# The time limit, and what emulation adds to it.
BOUND, SLACK = 12, 3
ABOUT = f"{IDENTIFIER}: {TOOL}"


def ended(seconds):
    return f"{ABOUT}: not done after {seconds} s; ending it, so that the server can start"


def cannot_run(why):
    return f"{ABOUT}: cannot be run ({why}); the server starts without it"


KILLED = f"{ABOUT}: does not end; killing it"
STUCK = f"{ABOUT}: waits in the kernel and cannot be killed; the server starts without it"
FROZEN = "/run/frozen"
FOREVER = "trap '' TERM; while :; do sleep 1000; done"
# What the command does, its lines in the journal, and settings of the unit.
CASES = {
    "exits": ("echo 'mptcp-mail-attach: /x: on purpose; mend it' >&2; exit 1",
              ["mptcp-mail-attach: /x: on purpose; mend it"], ""),
    # A command that exits silently has no line to show.
    "silent": ("exit 1", [], ""),
    "hangs": ("exec sleep 1000", [ended(9.2)], ""),
    "stays": (FOREVER, [ended(9.2), KILLED], ""),
    # systemd would give up before the usual limit, and "-" does not help against that.
    "hasty": (FOREVER, [ended(4.8), KILLED], "TimeoutStartSec=12"),
    "patient": (FOREVER, [ended(9.2), KILLED], "TimeoutStartSec=infinity"),
    # A write to a frozen file system waits in the kernel, and no signal ends it.
    "stuck": (f"echo >{FROZEN}/file", [ended(9.2), KILLED, STUCK], ""),
    "stuck-for-ever": (f"echo >{FROZEN}/file", [ended(9.2), KILLED, STUCK], "TimeoutStartSec=infinity"),
    "stuck-hasty": (f"echo >{FROZEN}/file", [ended(4.8), KILLED, STUCK], "TimeoutStartSec=12"),
    # Not known at --enable: what a later drop-in says, and the settings of an instance.
    "changed": (FOREVER, [ended(3.2), KILLED], ""),
    "many@x": (FOREVER, [ended(4.0), KILLED], "TimeoutStartSec=10"),
    "waits": (f'exec {TOOL}.away "$@"',
              ["mptcp-mail-attach: /run/mptcp-mail-attach.lock: another run has held it for 5 s; find it: fuser "
               "/run/mptcp-mail-attach.lock"], ""),
}


@contextlib.contextmanager
def replaced(content):
    """Puts a script, or bytes, or nothing, in the command's place."""
    os.rename(TOOL, f"{TOOL}.away")
    try:
        if content is not None:
            with open(TOOL, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
            os.chmod(TOOL, 0o755)
        yield
    finally:
        os.rename(f"{TOOL}.away", TOOL)


@contextlib.contextmanager
def frozen():
    """FROZEN is a file system on which writes wait while the context lasts."""
    shutil.copy(f"{HERE}/../frozen.img", "/run/frozen.img")
    os.makedirs(FROZEN)
    run(["modprobe", "loop"])
    run(["mount", "-o", "loop", "/run/frozen.img", FROZEN])
    run(["fsfreeze", "--freeze", FROZEN])
    try:
        yield
    finally:
        run(["fsfreeze", "--unfreeze", FROZEN])
        wait_until(lambda: run(["umount", FROZEN], check=False).rc == 0, "what waited there ends")
        os.rmdir(FROZEN)
        os.unlink("/run/frozen.img")


@pytest.fixture(scope="module")
def fleet(clean_module):
    """A unit for each case, all started at once: {case: what systemd shows}."""
    units = {case: Unit(f"{case.replace('@x', '@')}.service", 2600 + i, CASES[case][2]) for i, case in enumerate(CASES)}
    reload_systemd()
    enable(*[unit.name for unit in units.values()])
    os.makedirs(f"{RUNTIME}/changed.service.d")
    with open(f"{RUNTIME}/changed.service.d/later.conf", "w") as f:
        f.write("[Service]\nTimeoutStartSec=8\n")
    reload_systemd()
    units["many@x"].name = "many@x.service"
    script = "".join(f"*/{case}.service) {command} ;;\n" for case, (command, _, _) in CASES.items())
    with replaced(f"#!/bin/sh\nread -r cgroup </proc/$PPID/cgroup\ncase $cgroup in\n{script}esac\n"), \
            open("/run/mptcp-mail-attach.lock", "w") as lock, frozen():
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
    assert drop_in_lines(unit.name, shown["InvocationID"]) == CASES[case][1]
    begin, end = int(shown["InactiveExitTimestampMonotonic"]), int(shown["ActiveEnterTimestampMonotonic"])
    assert 0 < end - begin < (BOUND + SLACK) * 1000000


@pytest.fixture(scope="module")
def unit(clean_module):
    made = Unit("server.service", 2525)
    reload_systemd()
    enable("server", "--port", "2525")
    return made


def start(unit):
    """Its protocol, and the lines from the drop-in."""
    unit.start()
    shown = show(unit.name, "StatusText", "InvocationID", "Result")
    assert shown["Result"] == "success"
    lines = drop_in_lines(unit.name, shown["InvocationID"])
    unit.stop()
    return unit.protocol(shown["StatusText"]), lines


@pytest.mark.parametrize("script", [None, "#!/nowhere\n"], ids=["missing", "no-interpreter"])
def test_not_found(unit, script):
    with replaced(script):
        assert start(unit) == (TCP, [cannot_run("No such file or directory")])


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
        assert start(unit) == (TCP, [cannot_run("Permission denied")])
    finally:
        os.chmod(TOOL, 0o755)


def test_start_is_missing(unit):
    """As after unpacking by hand: the message is systemd's own."""
    os.rename(START, f"{START}.away")
    try:
        assert start(unit) == (TCP, [])
        assert [e["MESSAGE"] for e in journal(unit.name)[unit.name] if START in e["MESSAGE"]]
    finally:
        os.rename(f"{START}.away", START)


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
