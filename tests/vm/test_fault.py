# SPDX-License-Identifier: GPL-2.0-only
"""Fails each system call of the tool in turn. The tool completes anyway, or prints the reason in
one line. In both cases the server works, rule 2 holds and the next run repairs the state.

MMA_KILL=thorough, the default: each call with each error, which takes hours. The other two take
the first call of each kind (a system call, a command of bpf(2)) and every call that looks up a
directory, as a cgroup is, because later lookups mean something else than the first. On these
calls MMA_KILL=short cycles through the errors, and MMA_KILL=each tries all of them; it also fails
all other calls, cycling through the errors."""

import errno
import os

import pytest

import invariant as rule2
from mma import MPTCP, PINS, TCP, Map, _tool, attach, map_dict, mma, run, status, wait_until
from syscalls import (BPF, EXTENT, NAME_TO_HANDLE_AT, OPENAT, WRITE, add_interface, armed, calls_of, detach_if_any,
                      failing_at, protocol, remove_interface, state)

ERRORS = (errno.ENOMEM, errno.EPERM, errno.EINTR, errno.ENOSPC, errno.EBUSY, errno.EEXIST, errno.EIO)
NOT_STARTED = 127  # from the dynamic linker
UNWRITTEN = "standard output: cannot be written"  # everything is done by then
STUCK = "network namespace: cannot be left"  # stops there, undoes nothing, and says: run it again
LINK_CREATE, RAW_TRACEPOINT_OPEN = 28, 17


def kind_of(call):
    return call[0], call[1] if call[0] == BPF else None


def looks_up_directory(call):
    return call[0] == NAME_TO_HANDLE_AT or call[0] == OPENAT and call[3] & os.O_DIRECTORY


def points(calls, seen=()):
    """(N, error). The first call is the execve(2) of the tool. `seen`: kinds that another test has
    failed already, which a short run skips."""
    seen = set(seen)
    for n, call in enumerate(calls[1:], 2):
        kind = kind_of(call)
        chosen = kind not in seen or looks_up_directory(call)
        if EXTENT == "thorough" or EXTENT == "each" and chosen:
            yield from ((n, error) for error in ERRORS)
        elif EXTENT == "each" or chosen:
            yield n, ERRORS[n % len(ERRORS)]
        seen.add(kind)


def is_told(done, call):
    """A failure prints one line, unless writing that line is what failed."""
    return done.err.count("\n") == 1 and done.err.startswith("mptcp-mail-attach: ") or call[0] == WRITE


def sweep(args, prepare, succeeded, failed, complete, restore, seen=()):
    """Fails each point. Calls `succeeded` or `failed` after it, `complete` if the state left
    behind is a new one, and `restore` to start over. Returns the number of failed runs."""
    prepare()
    calls = calls_of([_tool(), *args])
    restore()
    states, failures, taken, wrong = [], 0, 0, []
    for n, error in points(calls, seen):
        prepare()
        before = state()
        done = failing_at(n, error, args)
        try:
            assert done.rc in (0, 1, 3, 99) or done.rc == NOT_STARTED and state() == before, done
            if done.rc in (1, 3):
                assert is_told(done, calls[n - 1]), done
            failures += done.rc != 0
            (succeeded if done.rc == 0 or UNWRITTEN in done.err else complete if STUCK in done.err else failed)()
            left = state()
            if left not in states:
                states.append(left)
                complete()
        except Exception as e:  # try the others: this run takes long
            wrong.append(f"{errno.errorcode[error]} at {n}, {calls[n - 1]}: {e!r}; {done}")
        taken += 1
        restore()
    print(f"{' '.join(map(str, args))}: {len(calls)} calls, {taken} points, {failures} failures, {len(states)} states")
    assert not wrong, f"{len(wrong)} of {taken}: " + "\n".join(wrong)
    return failures


def test_first_attach(cgroup):
    """After a failure everything is undone, or the next run finds the rest."""
    args = ["-q", "--cgroup", cgroup, "--port", "7001"]

    def complete():
        mma(*args, check=True)
        armed(cgroup)
        if not status()["accounting"]["counted"]:  # --refresh tries again what was refused
            mma("--refresh", "-q", check=True)
        assert status()["accounting"]["counted"]
        assert protocol() == TCP

    def failed():
        rule2.check(cgroup)
        detach_if_any()
        assert protocol(cgroup=cgroup) == TCP
    # Does not include the cleanup after the attach, whose failure is a note since 0.2.
    assert sweep(args, lambda: None, lambda: armed(cgroup), failed, complete, detach_if_any) >= 20


def test_second_attach(cgroup, invariant):
    """The first service stays attached, whether the second attach succeeds or fails."""
    other = cgroup.child("other.service")
    args = ["-q", "--cgroup", other, "--port", "7002"]
    attach(cgroup, "--port", "7001")
    first = map_dict("paths"), map_dict("cgroups"), map_dict("ports")

    def succeeded():
        armed(cgroup)
        armed(other)

    def failed():
        armed(cgroup)
        assert (map_dict("paths"), map_dict("cgroups"), map_dict("ports")) == first

    def complete():
        mma(*args, check=True)
        succeeded()

    def restore():
        if other.path in map_dict("paths"):
            mma("--detach", "-q", "--cgroup", other, check=True)
        with Map("ports") as ports:
            if 7002 in map_dict("ports"):
                del ports[7002]
    assert sweep(args, lambda: None, succeeded, failed, complete, restore) > 10
    assert invariant.pause() > 0
    invariant.resume()


def test_detach_of_one(cgroup, invariant):
    """One of two: the other one is unchanged."""
    other = cgroup.child("other.service")
    attach(cgroup, "--port", "7001")

    def prepare():
        mma("-q", "--cgroup", other, "--port", "7001", check=True)

    def succeeded():
        armed(cgroup)
        assert other.path not in map_dict("paths")

    def complete():
        mma("--detach", "--cgroup", other, check=True)
        succeeded()
    assert sweep(["-q", "--detach", "--cgroup", other], prepare, succeeded, lambda: armed(cgroup), complete,
                 lambda: None) > 5
    assert invariant.pause() > 0
    invariant.resume()


def test_detach(cgroup):
    def prepare():
        mma("-q", "--cgroup", cgroup, "--port", "7001", check=True)

    def complete():
        mma("--detach", "-q", check=True)
        assert not os.path.exists(PINS)
        assert protocol(cgroup=cgroup) == TCP
    assert sweep(["-q", "--detach"], prepare, complete, lambda: rule2.check(cgroup), complete, lambda: None) > 5


@pytest.mark.parametrize("older", [False, True], ids=["new interfaces", "another build"])
def test_refresh(cgroup, invariant, older):
    attach(cgroup, "--port", "7001")

    def prepare():
        if older:
            with Map("meta") as meta:
                meta[0] = (*meta.get(0)[:6], "another build")
        else:
            add_interface()

    def succeeded():
        armed(cgroup)
        assert status()["netns"][0]["uncovered"] == 0
        assert map_dict("meta")[0][6] != "another build"

    def complete():
        mma("--refresh", check=True)
        succeeded()
        assert status()["accounting"]["counted"]
    seen = {kind_of(call) for call in calls_of([_tool(), "-q", "--refresh"])} if older else ()
    assert sweep(["-q", "--refresh"], prepare, succeeded, lambda: armed(cgroup), complete,
                 (lambda: None) if older else remove_interface, seen) > 5
    assert invariant.pause() > 0
    invariant.resume()


def wait_for_release():
    """Until the kernel has freed the programs of the last attachment: the tool looks whether they
    are hidden, so each run would make other calls."""
    wait_until(lambda: "upgrade" not in run(["bpftool", "prog", "list"]).out, "the programs are freed")


def test_an_attachment_refused_is_named(cgroup):
    """EPERM for each link, as some kernels return it for trampolines."""
    args, told = ["--cgroup", cgroup], ""
    wait_for_release()
    calls = calls_of([_tool(), *args])
    for n, call in enumerate(calls, 1):
        if call[0] == BPF and call[1] in (LINK_CREATE, RAW_TRACEPOINT_OPEN):
            detach_if_any()
            wait_for_release()
            told += failing_at(n, errno.EPERM, args).err
            assert protocol(cgroup=cgroup) in (TCP, MPTCP)
    assert "update_socket_protocol: this kernel refuses" in told and "(attach: Operation not permitted)" in told
