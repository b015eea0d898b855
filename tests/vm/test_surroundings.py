# SPDX-License-Identifier: GPL-2.0-only
"""The tool started by a hostile parent. Whatever environment, signals, descriptors and limits it
inherits, it does its full work, and only root can access its pins. If too little is left to run,
the tool or the dynamic linker says so in one line, and nothing is left behind."""

import os
import resource
import signal

import pytest

from mma import MPTCP, PINS, TCP, _tool, mma, run, status, sysctl
from syscalls import armed, protocol

RESOURCES = {name[7:].lower(): getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}


def limits(**values):
    def prepare():
        for name, value in values.items():
            resource.setrlimit(RESOURCES[name], (value, value))
    return {"prepare": prepare}


def ignored(*numbers):
    return {"prepare": lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers]}


def closed(*descriptors):
    return {"prepare": lambda: [os.close(fd) for fd in descriptors]}


def in_a_removed_directory():
    os.mkdir("/tmp/removed")
    os.chdir("/tmp/removed")
    os.rmdir("/tmp/removed")


HARMLESS = {
    "no environment": {"env": {}},
    "dynamic linker": {"env": {"LD_LIBRARY_PATH": "/tmp:.", "LD_BIND_NOW": "1", "LD_USE_LOAD_BIAS": "1", "LD_DEBUG_OUTPUT": "/"}},
    "locale": {"env": {"LC_ALL": "xx_YY.UTF-8@none", "LANGUAGE": "../../tmp", "LOCPATH": "/tmp", "NLSPATH": "%s%n",
                       "CHARSET": "%n", "TZ": ":/../../dev/zero"}},
    "libraries": {"env": {"LIBBPF_LOG_LEVEL": "debug", "MALLOC_PERTURB_": "165", "MALLOC_ARENA_MAX": "0",
                          "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.perturb=90",
                          "JANSSON_SEED": "x", "GCONV_PATH": "/tmp"}},
    "getopt": {"env": {"POSIXLY_CORRECT": "1", "COLUMNS": "1", "_": "x" * 4096}},
    "thousands of variables": {"env": {f"V{n}": "%s%n\x1b[31m" * 8 for n in range(4000)}},
    "umask of nothing": {"prepare": lambda: os.umask(0)},
    "umask of everything": {"prepare": lambda: os.umask(0o777)},
    "standard input closed": closed(0),
    "standard output closed": closed(1),
    "standard error closed": closed(2),
    "all three closed": closed(0, 1, 2),
    "children are not waited for": ignored(signal.SIGCHLD),
    "every signal ignored": ignored(*(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33})),
    "every signal blocked": {"prepare": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())},
    "no locked memory": limits(memlock=0),
    "no files written": limits(fsize=0),
    "64 open files": limits(nofile=64),
    "no processes": limits(nproc=0),
    "no signals, queues, core": limits(sigpending=0, msgqueue=0, core=0, rtprio=0, nice=0),
    "a small stack": limits(stack=256 << 10),
    "directory gone": {"prepare": in_a_removed_directory},
    "last in line": {"prepare": lambda: (os.nice(19), os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)))},
}
TOO_LITTLE = {
    "8 open files": limits(nofile=8),
    "10 MB": limits(**{"as": 10000000}),
    "4 MiB of data": limits(data=4 << 20),
}


def modes_are_roots():
    for path, dirs, files in os.walk(PINS):
        for name in (path, *(os.path.join(path, n) for n in dirs + files)):
            found = os.stat(name)
            assert (found.st_uid, found.st_mode & 0o077) == (0, 0), name
    assert os.stat("/run/mptcp-mail-attach.lock").st_mode & 0o077 == 0


@pytest.mark.parametrize("how", HARMLESS)
def test_harmless(cgroup, how):
    def done(*args):
        it = mma(*args, **HARMLESS[how])
        assert it.rc == 0, it
        assert all(line.startswith("mptcp-mail-attach: ") for line in it.err.splitlines()), it

    if os.path.exists("/run/mptcp-mail-attach.lock"):
        os.unlink("/run/mptcp-mail-attach.lock")
    done("--cgroup", cgroup, "--port", "7001,7002")
    armed(cgroup)
    modes_are_roots()
    done("--deny", "7002")
    done("--refresh")
    now = status()
    assert now["armed"] and now["ports"]["7001"] == ["listen", "connect"] and now["ports"]["7002"] == []
    assert {n["uncovered"] for n in now["netns"]} == {0}
    done("--detach")
    assert not os.path.exists(PINS)
    assert protocol(cgroup=cgroup) == TCP


def test_mptcp_is_off_and_children_are_not_waited_for(cgroup):
    """A child finds out what the kernel could do if MPTCP were on."""
    sysctl("net.mptcp.enabled", 0)
    try:
        done = mma("--cgroup", cgroup, **HARMLESS["children are not waited for"])
        assert done.rc == 0 and "net.mptcp.enabled" in done.err, done
    finally:
        sysctl("net.mptcp.enabled", 1)
    assert protocol(cgroup=cgroup) == MPTCP


@pytest.mark.parametrize("how", ["all three closed", "children are not waited for", "64 open files"])
def test_check(cgroup, how):
    """--check tries the programs, one of them in a child."""
    assert mma("--check", "--cgroup", cgroup, **HARMLESS[how]).rc == 0


@pytest.mark.parametrize("how", TOO_LITTLE)
def test_too_little(cgroup, how):
    done = mma("--cgroup", cgroup, "--port", "7001", **TOO_LITTLE[how])
    assert done.rc in (1, 3, 127), done
    assert done.err.count("\n") == 1, done
    assert not os.path.exists(PINS)
    assert protocol(cgroup=cgroup) == TCP


def test_no_name(clean):
    """execve(2) with an empty argv[0]."""
    done = run(["bash", "-c", f"exec -a '' {_tool()} --status"], check=False)
    assert (done.rc, done.out, done.err) == (0, "armed       no: nothing is attached\n", "")
