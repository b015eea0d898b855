# SPDX-License-Identifier: GPL-2.0-only
"""The hybrid layout of cgroups, an option of systemd 252: services have a cgroup in hierarchies of
cgroup v1 and one in cgroup2, which is mounted below them. The tests of debian12/ run there, too."""

from mma import mma, service
from units import MPTCP, Unit, disable, enable, reload_systemd, run


def test_the_layout():
    def mounted(path):
        return run(["findmnt", "-no", "FSTYPE", path]).out.strip()
    assert mounted("/sys/fs/cgroup") == "tmpfs"
    assert mounted("/sys/fs/cgroup/systemd") == "cgroup"
    assert mounted("/sys/fs/cgroup/unified") == "cgroup2"


def test_a_path_of_either_form(clean):
    unit = Unit("hybrid.service", 2598)
    reload_systemd()
    for path in ("/sys/fs/cgroup/unified/system.slice/hybrid.service", "system.slice/hybrid.service"):
        mma("--cgroup", path, "--port", "2598/listen", check=True)
        unit.restart()
        assert unit.protocol() == MPTCP
        assert service("/system.slice/hybrid.service")["alive"]
        mma("--detach", check=True)


def test_by_a_drop_in(clean):
    unit = Unit("hybrid.service", 2598)
    reload_systemd()
    enable("hybrid", "--port", "2598/listen")
    unit.restart()
    assert unit.protocol() == MPTCP
    assert unit.lines() == ["attached /system.slice/hybrid.service"]
    disable("hybrid")


def test_a_path_of_cgroup_v1():
    got = mma("--cgroup", "/sys/fs/cgroup/systemd/system.slice/hybrid.service")
    assert got.rc == 2 and "cgroup v1" in got.err
