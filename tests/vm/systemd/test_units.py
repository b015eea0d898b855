# SPDX-License-Identifier: GPL-2.0-only
"""--enable and --disable on every kind of unit, and what systemd does with the result."""

import os

from mma import Cgroup, mma, run
from units import (DROPIN, HERE, MPTCP, RUNTIME, TCP, Unit, active, disable, enable, reload_systemd, show,
                   speaks_mptcp, systemctl, wait_until)


def test_enable_restart_disable(clean):
    unit = Unit("plain.service", 2525)
    unit.start()
    assert unit.protocol() == TCP
    got = enable("plain", "--port", "2525", "--port", "2526/listen")
    assert got.out == "enabled plain.service\n"
    assert got.err == ("mptcp-mail-attach: plain.service: its sockets stay as they are until it restarts: "
                       "systemctl restart plain.service\n")
    with open(unit.dropin) as f:
        text = f.read()
    assert text.endswith("[Service]\nExecStartPre=-+/usr/libexec/mptcp-mail-attach-start %n "
                         "/usr/sbin/mptcp-mail-attach --cgroup self --port 2525,2526/listen\n")
    assert os.stat(unit.dropin).st_mode & 0o777 == 0o644
    assert os.stat(os.path.dirname(unit.dropin)).st_mode & 0o777 == 0o755
    assert show("plain.service", "NeedDaemonReload") == "no"
    assert unit.protocol() == TCP, "nothing changes before the restart"
    unit.restart()
    assert unit.protocol() == MPTCP
    assert speaks_mptcp(2525)

    before = os.stat(unit.dropin)
    assert enable("plain.service", "--port", "2525", "--port", "2526/listen").out == "already enabled plain.service\n"
    assert os.stat(unit.dropin) == before
    assert enable("plain.service", "--port", "2525").out == "enabled plain.service\n", "another list is a change"

    got = disable("plain")
    assert got.out == "disabled plain.service\n"
    assert "restart plain.service" in got.err
    assert not os.path.exists(os.path.dirname(unit.dropin))
    unit.restart()
    assert unit.protocol() == TCP
    got = disable("plain")
    assert got.out == "was not enabled plain.service\n"


def test_now(clean):
    running, idle = Unit("running.service", 2525), Unit("idle.service", 2526)
    running.start()
    got = enable("running", "idle", "--port", "2525", "--now")
    assert not got.err
    assert running.protocol() == MPTCP
    assert not active("idle.service"), "what does not run is not started"
    idle.start()
    assert idle.protocol() == MPTCP
    disable("running", "--now")
    assert running.protocol() == TCP
    assert speaks_mptcp(2525) is False
    assert not Cgroup("system.slice/running.service", make=False).path in run(["bpftool", "map", "dump", "pinned",
                                                                              "/sys/fs/bpf/mptcp-mail/paths"]).out


def test_one_that_fails_does_not_keep_the_others(clean):
    bad = Unit("bad.service", 2525, before="ExecStartPre=/bin/test ! -e /run/bad")
    good = Unit("good.service", 2526)
    systemctl("start", "bad.service", "good.service")
    with open("/run/bad", "w"):
        pass
    got = enable("bad", "good", "--port", "2525,2526", "--now", check=False)
    os.unlink("/run/bad")
    assert got.rc == 1
    assert "mptcp-mail-attach: systemctl restart bad.service: failed; see the journal\n" in got.err
    assert good.protocol() == MPTCP
    bad.stop()


NAMES = ["odd\\x2dname.service", "with:colon_and.dots-1.service", "_under.service", "cpu.service",
         "memory.high.service", "a-b-c.service", "inst@1.conf"]


def test_names(clean):
    """A unit's name can differ from its cgroup's: systemd escapes names that the kernel might use
    itself."""
    names, before = [], ""
    for i, name in enumerate(NAMES):
        Unit(name.replace("@1.conf", "@.service"), 2600 + i, unit=before)
        names.append(name.replace("@1.conf", "@1.conf.service"))
        before = f"After={names[-1]}"
    reload_systemd()
    enable(*NAMES, "--port", "2600-2620")
    assert set(protocols(names)) == {MPTCP}
    disable(*NAMES)
    assert not os.path.exists("/sys/fs/bpf/mptcp-mail"), "with the last one detached, all goes"
    assert set(protocols(names)) == {TCP}


def protocols(names):
    """The protocol of each, after another start, one after the other."""
    systemctl("restart", "--", *names)
    return [int(show(name, "StatusText").split("=")[1]) for name in names]


def test_template(clean):
    Unit("many@.service", "2525 %i")
    got = enable("many@.service", "--port", "2525")
    assert "restart its instances: systemctl restart 'many@*'" in got.err
    systemctl("start", "many@2527.service")
    assert show("many@2527.service", "StatusText") == f"2525={MPTCP} 2527={MPTCP}"
    disable("many@")
    systemctl("restart", "many@2527.service")
    assert show("many@2527.service", "StatusText") == f"2525={TCP} 2527={TCP}"
    assert enable("nothere@.service", check=False).err == (
        "mptcp-mail-attach: nothere@.service: no such unit; see systemctl list-unit-files\n")


def test_alias(clean):
    unit = Unit("real.service", 2525)
    os.symlink(unit.file, f"{RUNTIME}/other.service")
    reload_systemd()
    assert enable("other", "--port", "2525").out == "enabled real.service\n"
    assert os.path.exists(unit.dropin)
    unit.start()
    assert unit.protocol() == MPTCP
    assert disable("other").out == "disabled real.service\n"


def test_masked(clean):
    unit = Unit("hidden.service", 2525)
    enable("hidden")
    os.unlink(unit.file)
    os.symlink("/dev/null", unit.file)
    reload_systemd()
    got = enable("hidden", check=False)
    assert (got.rc, got.err) == (1, "mptcp-mail-attach: hidden.service: masked, it cannot start; unmask it first: "
                                    "systemctl unmask hidden.service\n")
    assert disable("hidden").out == "disabled hidden.service\n", "an old drop-in can go all the same"


def test_missing(clean):
    other = Unit("there.service", 2525)
    got = enable("there", "nothere", check=False)
    assert (got.rc, got.out) == (1, "")
    assert got.err == "mptcp-mail-attach: nothere.service: no such unit; see systemctl list-unit-files\n"
    assert not os.path.exists(other.dropin), "all or none"
    assert disable("nothere", check=False).rc == 1
    # A unit that no longer exists, as after the removal of its package.
    enable("there")
    os.unlink(other.file)
    reload_systemd()
    assert disable("there").out == "disabled there.service\n"


def test_bad_names(clean):
    for name in ("", "a/b", "../x.service", "a b", "-x.service", "x.timer", "x.target", "a\nb", "x" * 260,
                 "café.service"):
        got = mma("--enable", "x.socket", name)
        assert got.rc == 2 and got.err.count("\n") == 1, got
        assert not os.path.exists(DROPIN.format("x.socket")), name


def test_init_script(clean):
    with open("/etc/init.d/oldie", "w") as f:
        f.write("#!/bin/sh\n### BEGIN INIT INFO\n# Provides: oldie\n# Required-Start:\n# Required-Stop:\n"
                "# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n# Short-Description: old\n### END INIT INFO\n"
                f"case $1 in\nstart) start-stop-daemon --start --background --exec {HERE}/../server -- 2525 ;;\n"
                f"stop) start-stop-daemon --stop --oknodo --retry 5 --exec {HERE}/../server ;;\nesac\n")
    os.chmod("/etc/init.d/oldie", 0o755)
    try:
        reload_systemd()
        assert show("oldie.service", "SourcePath") == "/etc/init.d/oldie"
        enable("oldie", "--port", "2525")
        systemctl("start", "oldie")
        # start-stop-daemon does not report when the server listens.
        assert wait_until(answer_of(2525), "it answers") == [True]
        disable("oldie", "--now")
        assert wait_until(answer_of(2525), "it answers") == [False]
    finally:
        systemctl("stop", "oldie", check=False)
        os.unlink("/etc/init.d/oldie")


def answer_of(port):
    def ask():
        try:
            return [speaks_mptcp(port)]
        except ConnectionRefusedError:
            return None
    return ask


def test_socket_unit(clean):
    """systemd creates the sockets of a socket unit in that unit's own cgroup."""
    service = Unit("act.service", 2525)
    with open(f"{RUNTIME}/act.socket", "w") as f:
        f.write("[Socket]\nListenStream=2525\n[Install]\nWantedBy=sockets.target\n")
    reload_systemd()
    systemctl("start", "act.socket")
    got = enable("act", "--port", "2525")
    assert "mptcp-mail-attach: act.service: act.socket opens its sockets; enable that, too: --enable act.socket" in got.err
    assert "opens its sockets" not in enable("act", "act.socket", "--port", "2525").err
    with open(DROPIN.format("act.socket")) as f:
        assert "[Socket]\nExecStartPre=-+/usr/libexec/mptcp-mail-attach-start %n " in f.read()
    service.start()
    assert service.protocol() == TCP
    got = enable("act", "act.socket", "--port", "2525")
    assert got.err == ("mptcp-mail-attach: act.socket: its sockets stay as they are until it restarts, and for that its "
                       "service has to stop: systemctl stop act.service && systemctl restart act.socket && "
                       "systemctl start act.service\n")
    enable("act", "act.socket", "--port", "2525", "--now")
    assert active("act.socket") and active("act.service")
    assert service.protocol() == MPTCP
    assert speaks_mptcp(2525)
    disable("act", "act.socket", "--now")
    assert service.protocol() == TCP
    systemctl("stop", "act.service", "act.socket")


def test_units_of_users_and_containers_stay_attached(clean):
    """A path that merely ends in the unit's name is a different one."""
    unit = Unit("plain.service", 2525)
    enable("plain", "--port", "2525")
    unit.start()
    other = Cgroup("machine.slice")
    other.child("box.scope").child("system.slice").child("plain.service")
    path = f"{other}/box.scope/system.slice/plain.service"
    mma("--cgroup", path, check=True)
    assert disable("plain").rc == 0
    assert "box.scope" in mma("--status", check=True).out
    other.remove()


def test_examples(clean):
    """--enable writes what dist/examples shows, apart from comments."""
    def lines(path):
        with open(path) as f:
            return [line for line in f if not line.startswith("#")]
    examples = sorted(e for e in os.listdir(f"{HERE}/../examples") if e.endswith(".d"))
    assert len(examples) == 7
    for directory in examples:
        name = directory[:-2]
        if show(name, "LoadState") != "loaded":
            with open(f"{RUNTIME}/{name}", "w") as f:
                f.write("[Service]\nExecStart=/bin/true\n" if name.endswith("e") else "[Socket]\nListenStream=1\n")
            reload_systemd()
        enable(name)
        assert lines(DROPIN.format(name)) == lines(f"{HERE}/../examples/{directory}/zz-mptcp-mail-attach.conf"), name
