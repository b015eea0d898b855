# SPDX-License-Identifier: GPL-2.0-only
"""Runs debian/tests, as Debian's autopkgtest would on a machine of its own."""

import os

from units import run, systemctl

HERE = os.path.dirname(os.path.abspath(__file__))


def test_postfix():
    run(["postconf", "-e", "inet_interfaces=loopback-only"])
    try:
        said = run(["sh", f"{HERE}/../tests/postfix"], timeout=600).out
    finally:
        systemctl("stop", "postfix.service", timeout=300)
    assert [line.split(",")[0] for line in said.splitlines() if line.startswith("port 25: ")] == [
        f"port 25: {word}" for word in ("TCP", "MPTCP", "MPTCP", "TCP", "MPTCP", "TCP")]
