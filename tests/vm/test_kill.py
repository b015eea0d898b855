# SPDX-License-Identifier: GPL-2.0-only
"""Kills the tool at each of its system calls in turn. In every state in between the server works
and rule 2 holds, and the next run completes or removes it.

The tool is killed on entry to call N, so the state is the work of N-1 calls. If the call before
leaves nothing that outlives the process (a lookup, a mapping, what only a descriptor holds), the
state is that of the point before, which was checked there. MMA_KILL=thorough, the default, kills
there anyway and checks that the state is the same; MMA_KILL=short skips those points."""

import glob
import os

import pytest

import invariant as rule2
from bpfsys import program_of
from mma import HERE, PINS, TCP, Map, _tool, attach, map_dict, mma, run, status
from syscalls import (BPF, EXTENT, add_interface, armed, calls_of, detach_if_any, killed_at, protocol,
                      remove_interface, state)

# Numbers from asm/unistd_64.h.
LASTING_NOTHING = {
    0, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17, 20, 21, 25, 28, 39, 45, 47, 51, 54, 55, 63, 72, 79, 89, 95,
    97, 102, 104, 107, 108, 131, 137, 138, 158, 186, 202, 217, 218, 228, 231, 234, 257, 262, 267, 273, 302,
    303, 318, 319, 332, 334, 439,
    # What belongs to the process: sockets, descriptors, rights, the lock, its namespace.
    41, 49, 73, 125, 126, 157, 292, 304, 308,
    280,  # utimensat: when the run with the lock last made progress
}
BPF_LOOKS = {1, 4, 7, 11, 12, 13, 14, 15, 16, 19, 23, 24, 30, 31}  # lookups, ids, infos, OBJ_GET, queries
BPF_HELD = {0, 5, 18, 35}  # MAP_CREATE, PROG_LOAD, BTF_LOAD, PROG_BIND_MAP: freed with the process, unless pinned


def lasting(call):
    """Whether this system call can leave anything behind."""
    number, command = call[:2]
    return command not in BPF_LOOKS | BPF_HELD if number == BPF else number not in LASTING_NOTHING


def points(calls):
    """Every N to kill at. Starts at 2: nothing has happened before the first call."""
    for n in range(2, len(calls) + 1):
        if EXTENT != "short" or lasting(calls[n - 2]):
            yield n


def sweep(args, complete, check, prepare, restore):
    """Kills at each point. Calls `check` where the state may be new, `complete` where it differs
    from that of the point before, and `restore` to start over. Returns the number of points, and
    those with a new state."""
    prepare()
    calls = calls_of([_tool(), *args])
    restore()
    last, taken, news = None, 0, []
    for n in points(calls):
        prepare()
        if not killed_at(n, args):
            # A run may be a few calls shorter than the counted one, but no more.
            assert n > len(calls) * 0.9, f"only {n} of {len(calls)} calls"
        now = state()
        try:
            if now != last or lasting(calls[n - 2]):
                check()
            if now != last:
                complete()
                news.append(n)
        except Exception as e:
            raise AssertionError(f"killed at {n} of {len(calls)}, before {calls[n - 1]}: {e}") from e
        last = now
        taken += 1
        restore()
    print(f"{' '.join(map(str, args))}: {len(calls)} calls, {taken} points, {len(news)} states")
    return taken, news


def test_first_attach(cgroup):
    args = ["--cgroup", cgroup, "--port", "7001"]

    def complete():
        mma(*args, check=True)
        armed(cgroup)
        assert status()["accounting"]["counted"]
        assert protocol() == TCP

    taken, news = sweep(args, complete, lambda: rule2.check(cgroup), lambda: None, detach_if_any)
    assert taken > 50
    # The same states, now removed instead of completed.
    for n in news:
        killed_at(n, args)
        mma("--detach", check=True)
        assert not os.path.exists(PINS)
        assert protocol(cgroup=cgroup) == TCP


def test_second_attach(cgroup, invariant):
    """Another service is attached and does not notice."""
    other = cgroup.child("other.service")
    args = ["--cgroup", other, "--port", "7002"]

    def prepare():
        if cgroup.path not in map_dict("paths"):
            invariant.pause()
            mma("--cgroup", cgroup, "--port", "7001", check=True)
            invariant.resume()

    def check():
        armed(cgroup)

    def complete():
        mma(*args, check=True)
        armed(other)

    def restore():
        mma("--detach", "-q", "--cgroup", other, check=True)
        mma("--deny", "7002", check=True)
        with Map("ports") as ports:
            del ports[7002]
    assert sweep(args, complete, check, prepare, restore)[0] > 10


@pytest.mark.parametrize("then", ["--detach", "--cgroup"])
def test_detach(cgroup, then):
    """Listeners that exist when the links go speak MPTCP until they restart, and the tool says so.
    Later ones are TCP, or stripped."""
    def prepare():
        mma("--cgroup", cgroup, "--port", "7001", check=True)

    def complete():
        if then == "--detach":
            mma("--detach", "-q", check=True)
            assert not os.path.exists(PINS)
            assert protocol(cgroup=cgroup) == TCP
        else:
            prepare()
            armed(cgroup)
    assert sweep(["--detach"], complete, lambda: rule2.check(cgroup), prepare, lambda: None)[0] > 10


def test_refresh_with_new_interfaces(cgroup, invariant):
    attach(cgroup, "--port", "7001")

    def complete():
        mma("--refresh", check=True)
        assert status()["netns"][0]["uncovered"] == 0
        armed(cgroup)
    taken, _ = sweep(["--refresh"], complete, lambda: armed(cgroup), add_interface, remove_interface)
    assert taken > 10
    assert invariant.pause() > 0
    invariant.resume()


def test_refresh_over_an_older_build(cgroup, invariant):
    """Programs are replaced; at no moment is there none."""
    attach(cgroup, "--port", "7001")
    pins = glob.glob(f"{PINS}/*s/*")  # links and programs
    older = {}

    def prepare():
        older.update((pin, program_of(pin)) for pin in pins)
        with Map("meta") as meta:
            meta[0] = (*meta.get(0)[:6], "another build")

    def complete():
        before = map_dict("meta")[0][6]
        mma("--refresh", check=True)
        assert map_dict("meta")[0][6] != "another build", before
        armed(cgroup)
        assert status()["accounting"]["counted"]
        assert sorted(glob.glob(f"{PINS}/*s/*")) == sorted(pins), "no pin of a killed run stays"
        assert not [pin for pin in pins if program_of(pin) == older[pin]], "none stays the older build's"
    assert sweep(["--refresh"], complete, lambda: armed(cgroup), prepare, lambda: None)[0] > 30
    assert invariant.pause() > 0
    invariant.resume()


def test_killat_kills_where_it_says(tmp_path):
    """The control: a program killed before its last call has not made that call."""
    path = str(tmp_path / "made")

    def made(n):
        run([f"{HERE}/killat", str(n), "/usr/bin/mkdir", path], check=False)
        return os.path.isdir(path) and not os.rmdir(path)
    calls = [call[0] for call in calls_of(["/usr/bin/mkdir", path])]
    os.rmdir(path)
    n = calls.index(83) + 1  # mkdir
    assert not made(n)
    assert made(n + 1)
