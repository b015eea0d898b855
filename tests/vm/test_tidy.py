# SPDX-License-Identifier: GPL-2.0-only
"""When a run's cleanup at the end fails, it prints a note, and its work stays done."""

import contextlib
import os

import pytest

from mma import MPTCP, PINS, attach, inside, make_socket, map_dict, so_protocol


@pytest.fixture
def stuck(clean):
    """Creates what no run can remove: a directory with the name of a pin that a killed run
    left."""
    path = f"{PINS}/links/stuck-new"
    yield lambda: os.mkdir(path)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


def is_note(done):
    assert done.rc == 0, done
    assert "stuck-new" in done.err and "the next run tries again" in done.err, done


def protocol(cgroup):
    return inside(lambda: so_protocol(make_socket()), cgroup=cgroup)


@pytest.mark.usefixtures("stuck")
def test_a_failure_is_a_note(mma, cgroup, stuck):
    other = cgroup.child("other.service")
    attach(cgroup, "--port", "7001")
    stuck()
    is_note(mma("--cgroup", other, "--port", "7002"))
    assert set(map_dict("paths")) == {cgroup.path, other.path}, "not taken back"
    assert protocol(other) == MPTCP
    is_note(mma("--allow", "7003"))
    is_note(mma("--deny", "7002"))
    assert (map_dict("ports")[7003], map_dict("ports")[7002]) == (3, 0)
    is_note(mma("--refresh"))
    is_note(mma("--detach", "--cgroup", other))
    assert set(map_dict("paths")) == {cgroup.path}
    assert mma("--allow", "7004", "-q").err == "", "a note, as -q has it"
