# SPDX-License-Identifier: GPL-2.0-only
"""The container starts whatever happens to the hook, within the hook's time limit, and one line in
the system log says why it is TCP."""

import contextlib
import datetime
import json
import os
import subprocess

import pytest

import mma
from engines import BOTH_MPTCP, BOTH_TCP, DOCKER, HOOK, WRAPPER, One, by_id
from mma import run
from units import TOOL

BOUND = 10  # seconds that a hook may take
SPARE = f"{TOOL}.spare"


@pytest.fixture(scope="module", autouse=True)
def docker(warm):
    DOCKER.set_up()


@contextlib.contextmanager
def tool(script):
    """Replaces the tool with a script, or with nothing (None)."""
    os.rename(TOOL, SPARE)
    try:
        if script is not None:
            with open(TOOL, "w") as f:
                f.write(f"#!/bin/sh\n{script}\n")
            os.chmod(TOOL, 0o755)
        yield
    finally:
        os.replace(SPARE, TOOL)


@contextlib.contextmanager
def foreign_pins():
    """Puts foreign objects where our pins would be."""
    mma.mma("--detach", "-q", check=True)
    os.mkdir(mma.PINS)
    os.chmod(mma.PINS, 0o777)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(mma.PINS)  # the run removes an empty directory


# What is wrong with the state, and what the hook logs about it.
STATES = {
    "empty": ("", "standard input: empty"),
    "not JSON": ("no such container\n", "standard input: not JSON"),
    "10 MB": (" " * 10_000_000, "standard input: more than 1 MiB"),
    "no pid": (json.dumps({"id": "ab", "status": "stopped"}), "the container's state: has no pid"),
    "a pid that is gone": (json.dumps({"id": "ab", "pid": 4194303}), "its process 4194303 is not there"),
    "a process of the host's": (json.dumps({"id": "ab", "pid": 1}), "the cgroup of its process 1 is not its own"),
}


@pytest.mark.parametrize("name", STATES)
def test_state(name):
    state, word = STATES[name]
    with One() as one:
        hook = subprocess.run([HOOK], input=state, text=True, capture_output=True, timeout=60,
                              env={"MMA_CONTAINER": "ab"}, check=False)
        one.done()
    assert (hook.returncode, hook.stdout, hook.stderr) == (0, "", "")
    assert one.line.startswith("container ab: stays TCP: ") and word in one.line, one.line
    assert one.took < BOUND and not by_id()


def test_no_end_of_the_state():
    """The runtime that writes the state hangs."""
    with One() as one:
        with subprocess.Popen([HOOK], stdin=subprocess.PIPE, env={"MMA_CONTAINER": "ab"}) as hook:
            assert hook.wait(60) == 0
            one.done()
    assert "not done within 7 s" in one.line and one.took < BOUND


TOOLS = {
    "missing": (None, "not there; install"),
    "hangs": ("sleep 1000", "did not finish within 8 s"),
    "hangs, and ignores SIGTERM": ("trap '' TERM; while :; do sleep 1; done", "did not finish within 8 s"),
    "killed": ("kill -9 $$", "did not finish"),
    "crashes and talks": ("echo some reason >&2; exit 139", "some reason"),
}


@pytest.mark.parametrize("name", TOOLS)
def test_tool(name):
    """The wrapper executes runc with the same arguments, as if there were no hook."""
    script, word = TOOLS[name]
    os.makedirs("/run/fake", exist_ok=True)
    with open("/run/fake/runc", "w") as f:
        f.write('#!/bin/sh\n[ "$5" = state ] && echo "{}" || printf "<%s>" "$@"\n')
    os.chmod("/run/fake/runc", 0o755)
    args = ["--root", "/a b", "--log-format", "json", "start", "ab"]
    with tool(script), One() as one:
        done = run([WRAPPER, *args], env={"PATH": "/run/fake"})
        one.done()
    assert done.out == "".join(f"<{a}>" for a in args) and not done.err
    assert one.line.startswith("container ab: stays TCP: ") and word in one.line, one.line
    assert one.took < BOUND
    assert run(["pgrep", "-f", TOOL], check=False).rc == 1, "something is left behind"


CONTAINERS = {
    "the tool is missing": (lambda: tool(None), [], "not there; install"),
    "MPTCP is off inside": (contextlib.nullcontext, ["--sysctl", "net.mptcp.enabled=0"], "switched off"),
    "pins of somebody else": (foreign_pins, [], "open to others than root"),
    "no network": (contextlib.nullcontext, ["--network", "none"], "no interface but lo"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_container(name):
    """A Docker container in each of these cases."""
    place, options, word = CONTAINERS[name]
    try:
        with place(), One() as one:
            DOCKER.run("tcp", *options)
            one.done()
            assert DOCKER.protocols("tcp") == BOTH_TCP
        assert word in one.line, one.line
        print(f"{name}: started within {one.took:.1f} s")
    finally:
        DOCKER.remove("tcp")


def test_tool_that_hangs():
    """Docker waits for the hook, but only for the hook's time limit."""
    try:
        with tool("date +%s.%N >/run/began; sleep 1000"), One() as one:
            DOCKER.run("tcp")
            one.done()
            assert DOCKER.protocols("tcp") == BOTH_TCP
        with open("/run/began") as f:
            began = float(f.read())
        listened = datetime.datetime.fromisoformat(DOCKER("logs", "-t", "tcp").split()[0]).timestamp()
        print(f"the server listened {listened - began:.1f} s after the tool began; docker run: {one.took:.1f} s")
        assert "did not finish within 8 s" in one.line, one.line
        assert listened - began < BOUND
    finally:
        DOCKER.remove("tcp")


def test_bpffs_is_gone(quiet):
    """The hook mounts it again. Earlier attachments were lost with it; this container is
    attached."""
    mma.mma("--detach", "-q", check=True)
    run(["umount", "/sys/fs/bpf"])
    try:
        DOCKER.run("again")
        assert DOCKER.protocols("again") == BOTH_MPTCP
    finally:
        DOCKER.remove("again")


def test_check_knows_of_docker():
    settings = "/etc/docker/daemon.json"
    with open(settings) as f:
        text = f.read()
    try:
        assert mma.check()[1]["containers"] == ("ok", "Docker: containers with --runtime mptcp-mail", "")
        os.chmod(WRAPPER, 0o644)
        result, word, _ = mma.check()[1]["containers"]
        assert result == "fail" and "do not start" in word
        os.chmod(WRAPPER, 0o755)
        with open(settings, "w") as f:
            f.write("{}")
        result, word, remedy = mma.check()[1]["containers"]
        assert result == "warn" and "is not set up" in word and "systemctl reload docker" in remedy
    finally:
        os.chmod(WRAPPER, 0o755)
        with open(settings, "w") as f:
            f.write(text)
