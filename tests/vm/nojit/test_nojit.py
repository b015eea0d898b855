# SPDX-License-Identifier: GPL-2.0-only
"""A kernel without a JIT compiler for BPF, as Debian's for s390x: it has the hook, and
can put no program on it. Every mode that needs it refuses and says why."""

import os

import pytest

from mma import PINS, TCP, check, make_socket, mma, objects, so_protocol, wait_until

pytestmark = pytest.mark.usefixtures("clean")

REASON = "update_socket_protocol: this kernel can call no BPF program from its functions, because it has no JIT compiler for BPF"
REMEDY = "use a kernel with CONFIG_BPF_JIT=y"


@pytest.mark.parametrize("words", [[], ["--port", "all"], ["-q"]], ids=" ".join)
def test_attach_refuses(cgroup, words):
    before = objects()
    done = mma("--cgroup", cgroup, *words)
    assert done.rc == 3
    assert done.out == ""
    assert done.err.startswith(f"mptcp-mail-attach: {REASON}; {REMEDY}"), done.err
    assert len(done.err.splitlines()) == 1
    assert not os.path.exists(PINS)
    wait_until(lambda: objects() == before, "nothing stays in the kernel")
    with make_socket(cgroup=cgroup) as sock:
        assert so_protocol(sock) == TCP


def test_check(cgroup):
    before = objects()
    rc, lines = check("--cgroup", cgroup)
    assert rc == 3
    assert lines["hook"][0] == lines["mptcp"][0] == "ok"
    assert lines["upgrade"][0] == "fail"
    assert lines["upgrade"][1] == REASON and lines["upgrade"][2].startswith(REMEDY)
    wait_until(lambda: objects() == before, "nothing stays in the kernel")


def test_status():
    done = mma("--status")
    assert done.rc == 0, done
    assert not os.path.exists(PINS)
