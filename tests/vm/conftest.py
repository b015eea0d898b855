# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the VM tests. Each test starts and ends with none of our objects in the kernel."""

import os
import re

import pytest

import invariant as invariant_
import mma as mma_

pytest.register_assert_rewrite("audit_cases", "check_cases", "path_cases")


@pytest.fixture(scope="session", autouse=True)
def warm():
    """Loads the modules that a fresh kernel would load during the first test (sock_diag). Also
    loads the dummy module without its default interface: dummy0 would appear with the first test
    that needs the module, and stay."""
    mma_.run(["modprobe", "dummy", "numdummies=0"], check=False)
    mma_.mma("--detach")
    return mma_.objects()


class TellFailures:
    """Prints each failure at once, because the runs are long."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if report.failed:
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"\n{report.longreprtext}")
            terminal.flush()


def pytest_configure(config):
    config.pluginmanager.register(TellFailures(config))


def nothing_left(before):
    """Whether no BPF objects are left except those that existed before."""
    now = mma_.objects()
    return all(now[kind] <= before[kind] for kind in now)


@pytest.fixture(autouse=True)
def clean(warm, request):
    """Runs --detach after each test, and checks that everything of ours is gone. A module whose
    tests leave the kernel much to free sets FREED_WITHIN: how many seconds that may take."""
    before = mma_.objects()
    yield
    last = mma_.mma("--detach", "-q")
    assert last.rc == 0, last.err
    assert not os.path.exists(mma_.PINS)
    try:
        mma_.wait_until(lambda: nothing_left(before), "every BPF object of ours is gone",
                         getattr(request.module, "FREED_WITHIN", 20))
    except AssertionError as e:
        for kind in ("prog", "map", "link"):
            print(mma_.run(["bpftool", kind, "list"]).out)
        raise AssertionError(f"{e}: before {before}, now {mma_.objects()}") from None


@pytest.fixture
def mma():
    return mma_.mma


class Preemption:
    """How the kernel preempts tasks: `mode` is one of `modes`."""

    FILE = "/sys/kernel/debug/sched/preempt"

    def __init__(self):
        words = self._read().split()
        self.modes = [word.strip("()") for word in words]

    def _read(self):
        with open(self.FILE, encoding="ascii") as f:
            return f.read()

    @property
    def mode(self):
        return re.search(r"\((\w+)\)", self._read())[1]

    @mode.setter
    def mode(self, mode):
        with open(self.FILE, "w", encoding="ascii") as f:
            f.write(mode)


@pytest.fixture
def preemption(clean):
    """Sets how the kernel preempts tasks; restores it at the end."""
    mounted = os.path.exists(Preemption.FILE)
    if not mounted:
        mma_.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"])
    if not os.path.exists(Preemption.FILE):
        mma_.run(["umount", "/sys/kernel/debug"])
        pytest.skip("this kernel preempts tasks as it was built to (no PREEMPT_DYNAMIC)")
    preemption = Preemption()
    before = preemption.mode
    yield preemption
    preemption.mode = before
    if not mounted:
        mma_.run(["umount", "/sys/kernel/debug"])


@pytest.fixture
def cgroup(clean):
    group = mma_.Cgroup()
    yield group
    group.remove()


@pytest.fixture
def net(clean):
    pair = mma_.Net()
    yield pair
    pair.remove()


@pytest.fixture
def invariant(cgroup):
    """Runs the invariant checker on the cgroup during the test."""
    background = invariant_.Background(cgroup)
    yield background
    assert background.stop() != 0
