# SPDX-License-Identifier: GPL-2.0-only
"""--check on Linux 6.1: the hook is missing, and nothing else is reported."""

import re

import pytest

from mma import check, mma, objects, wait_until

pytestmark = pytest.mark.usefixtures("clean")


def test_the_missing_hook(cgroup):
    before = objects()
    rc, lines = check("--cgroup", cgroup)
    assert rc == 3
    assert {name for name, line in lines.items() if line[0] == "fail"} == {"hook"}
    assert "update_socket_protocol: this kernel does not have the hook" in lines["hook"][1]
    assert "Linux 6.6" in lines["hook"][2]
    assert lines["trial"][0] == "warn" and "upgrade" not in lines
    assert lines["mptcp"][0] == lines["mptcp_enabled"][0] == "ok"
    wait_until(lambda: objects() == before, "nothing stays in the kernel")


def test_outgoing_before_6_12():
    result, text, remedy = check()[1]["blackhole"]
    assert result == "warn" and "before 6.12" in text and "listen" in remedy


def test_ordinary_user():
    rc, lines = check(uid=65534, cwd="/")
    assert rc == 3
    assert {name for name, line in lines.items() if line[0] == "fail"} == {"root", "hook"}


def test_text():
    done = mma("--check")
    assert done.rc == 3
    assert re.fullmatch(r"mptcp-mail-attach: check: not met: hook; [^\n]+\n", done.err)
    assert len(re.findall(r"^✗ hook ", done.out, re.M)) == 1
