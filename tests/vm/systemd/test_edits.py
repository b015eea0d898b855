# SPDX-License-Identifier: GPL-2.0-only
"""Other edits of a unit. --enable says "enabled" only if systemd shows the command in the unit;
otherwise it names what removes the command, and takes back everything that the call wrote."""

import os
import shutil

import pytest

from mma import mma
from units import (DROPIN, MPTCP, OLDER_DROPIN, RUNTIME, START, TCP, TOOL, Unit, disable, enable, reload_systemd, run,
                   show, systemctl)

ETC = "/etc/systemd/system"
CLEARS = "[Service]\nExecStartPre=\nExecStartPre=/bin/true\n"
# As 0.1.0 wrote it.
OLDER = ("# Written by mptcp-mail-attach --enable, removed by --disable.\n[Service]\n"
         f"ExecStartPre=-+/usr/bin/timeout -v -k 2 10 {TOOL} --cgroup self --port 2525\n")


@pytest.fixture
def edit(clean):
    """Writes a drop-in that lasts until the test ends."""
    written = []

    def write(unit, name, text=CLEARS):
        path = os.path.normpath(f"{ETC}/{unit}.d/{name}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        written.append(path)
        return path
    yield write
    for path in written:
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)


def test_systemctl_edit(edit):
    """override.conf, which often begins with an empty ExecStartPre=."""
    unit = Unit("edited.service", 2525)
    edit(unit.name, "override.conf")
    assert enable("edited", "--port", "2525").out == "enabled edited.service\n"
    unit.start()
    assert unit.protocol() == MPTCP


def test_a_later_one(edit):
    """With the later file there before --enable, and created after it."""
    unit = Unit("edited.service", 2525)
    first = Unit("first.service", 2526)
    later = edit(unit.name, "zzz-last.conf")
    error = (f"mptcp-mail-attach: edited.service: {later} empties ExecStartPre= after our {unit.dropin}, so the command "
             "would not run; give that file a name that sorts before zz-, and enable again\n")
    got = enable("first", "edited", check=False)
    assert (got.rc, got.out, got.err) == (1, "", error)
    assert not os.path.exists(os.path.dirname(first.dropin)), "nothing of the call is left"
    assert os.listdir(os.path.dirname(later)) == ["zzz-last.conf"]
    assert show("first.service", "ExecStartPre") == "" and show("first.service", "NeedDaemonReload") == "no"
    os.unlink(later)
    enable("first", "edited", "--port", "2525")
    edit(unit.name, "zzz-last.conf")
    got = enable("edited", "--port", "2525", check=False)
    assert (got.rc, got.err) == (1, error)
    assert os.path.exists(unit.dropin), "what was there before the call stays"


@pytest.mark.parametrize("path", [f"{ETC}/service.d/zzz-last.conf", "/usr/lib/systemd/system/edited.service.d/zzz-last.conf"],
                         ids=["of all services", "of a package"])
def test_a_later_one_elsewhere(edit, path):
    """Only the file names decide, not the directory."""
    unit = Unit("edited.service", 2525)
    edit(os.path.relpath(os.path.dirname(path), ETC).removesuffix(".d"), os.path.basename(path))
    got = enable("edited", check=False)
    assert (got.rc, got.out) == (1, "")
    assert got.err.startswith(f"mptcp-mail-attach: edited.service: {path} empties ExecStartPre= after our {unit.dropin}")
    assert not os.path.exists(os.path.dirname(unit.dropin))


def test_a_failure_takes_back_what_the_call_did(edit):
    first, second = Unit("first.service", 2525), Unit("second.service", 2526)
    enable("first", "--port", "2525")
    with open(first.dropin) as f:
        before = f.read()
    with open(f"{ETC}/second.service.d", "w"):  # so that no directory can be created
        pass
    try:
        got = enable("first", "second", "--port", "2525,2526", check=False)
        assert got.rc == 1 and got.out == "" and f"{second.dropin}: cannot be read (Not a directory)" in got.err
    finally:
        os.unlink(f"{ETC}/second.service.d")
    with open(first.dropin) as f:
        assert f.read() == before
    assert "2526" not in show("first.service", "ExecStartPre")


def test_an_instance_of_a_template(edit):
    Unit("many@.service", 2525)
    later = edit("many@one.service", "zzz-last.conf")
    systemctl("start", "many@one.service")
    got = enable("many@", check=False)
    assert got.rc == 1 and got.err.startswith(f"mptcp-mail-attach: many@one.service: {later} empties ExecStartPre= ")
    assert not os.path.exists(DROPIN.format("many@.service"))


def test_older_name(edit):
    """The file of 0.1.0 is replaced, and removed."""
    unit = Unit("older.service", 2525)
    older = edit(unit.name, os.path.basename(OLDER_DROPIN), OLDER)
    reload_systemd()
    unit.start()
    assert unit.protocol() == MPTCP, "and works until then"
    assert enable("older", "--port", "2525").out == "enabled older.service\n"
    assert os.path.exists(unit.dropin) and not os.path.exists(older)
    assert show(unit.name, "ExecStartPre").count("path=") == 1
    disable("older")
    edit(unit.name, os.path.basename(OLDER_DROPIN), OLDER)
    assert disable("older").out == "disabled older.service\n"
    assert not os.path.exists(os.path.dirname(older))


def test_transient(clean):
    systemctl("reset-failed", "passing.service", check=False)
    run(["systemd-run", "--unit=passing", "--service-type=exec", "sleep", "1000"])
    try:
        got = enable("passing")
        assert got.out == "enabled passing.service\n"
        assert "passing.service: a transient unit, which is gone when it stops" in got.err
        assert START in show("passing.service", "ExecStartPre")
    finally:
        systemctl("stop", "passing.service")


def test_root_directory_of_the_start_alone(clean):
    """The command is found with RootDirectoryStartOnly=."""
    root = "/srv/part"
    for directory in ("bin", "dev", "proc", "sys", "run", "tmp"):
        os.makedirs(f"{root}/{directory}", exist_ok=True)
    shutil.copy(f"{os.path.dirname(os.path.abspath(__file__))}/../server", f"{root}/bin/server")
    unit = Unit("part.service", 2525, f"RootDirectory={root}\nRootDirectoryStartOnly=yes\nMountAPIVFS=yes\n"
                                      "ExecStart=\nExecStart=/bin/server 2525")
    reload_systemd()
    assert "root directory" not in enable("part", "--port", "2525").err
    unit.start()
    assert unit.protocol() == MPTCP


def test_a_directory_that_was_there_keeps_its_mode(edit):
    unit = Unit("private.service", 2525)
    directory = os.path.dirname(edit(unit.name, "own.conf", "[Service]\nEnvironment=A=b\n"))
    os.chmod(directory, 0o700)
    enable("private")
    assert os.stat(directory).st_mode & 0o777 == 0o700
    disable("private")
    assert os.stat(directory).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("owner, mode, where", [(65534, 0o755, "directory"), (0, 0o777, "directory"), (0, 0o775, "group"),
                                                (65534, 0o755, "file"), (0, 0o757, "file")])
def test_a_command_that_others_may_change(clean, owner, mode, where):
    """root must not run what somebody else may change."""
    unit = Unit("plain.service", 2525)
    home = "/home/somebody"
    tool = f"{home}/mptcp-mail-attach"
    os.makedirs(home, 0o755)
    try:
        shutil.copy(TOOL, tool)
        changed = tool if where == "file" else home
        os.chown(changed, owner, 1000 if where == "group" else 0)
        os.chmod(changed, mode)
        got = run([tool, "--enable", "plain"], check=False)
        assert got.rc == 1 and got.out == ""
        assert got.err == (f"mptcp-mail-attach: {tool}: users other than root can change {changed} (owner {owner}, mode "
                           f"0{mode:o}), and systemd would run it as root; install the tool first: make install\n")
        assert not os.path.exists(os.path.dirname(unit.dropin))
    finally:
        shutil.rmtree(home)


def test_the_tool_alone(clean):
    """The tool is alone in its directory: without the program that limits its time, timeout(1) is
    used."""
    directory = "/opt/tool"
    os.makedirs(directory, 0o755)
    try:
        shutil.copy(TOOL, directory)
        unit, hasty = Unit("plain.service", 2525), Unit("hasty.service", 2526, "TimeoutStartSec=12")
        Unit("many@.service", 2527, "TimeoutStartSec=4")
        run([f"{directory}/mptcp-mail-attach", "--enable", "plain", "hasty", "many@", "--port", "2525"])
        for name, bound in ((unit.name, "2 10"), (hasty.name, "1.2 4.8"), ("many@.service", "0.4 1.6")):
            with open(DROPIN.format(name)) as f:
                assert (f"ExecStartPre=-+/usr/bin/timeout -v -k {bound} {directory}/mptcp-mail-attach --cgroup self "
                        "--port 2525\n") in f.read()
        unit.start()
        assert unit.protocol() == MPTCP
    finally:
        shutil.rmtree(directory)


def test_looked_at_before_anything_is_changed(clean):
    """A masked unit, last in the list."""
    first = Unit("first.service", 2525)
    with open(f"{RUNTIME}/hidden.service", "w"):
        pass
    os.unlink(f"{RUNTIME}/hidden.service")
    os.symlink("/dev/null", f"{RUNTIME}/hidden.service")
    reload_systemd()
    first.start()
    got = enable("first", "hidden", "--now", check=False)
    assert got.rc == 1 and "hidden.service: masked" in got.err
    assert not os.path.exists(first.dropin) and first.protocol() == TCP
    enable("first")
    got = mma("--disable", "first", "nothere")
    assert got.rc == 1 and os.path.exists(first.dropin)
