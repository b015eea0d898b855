# SPDX-License-Identifier: GPL-2.0-only
"""strip-measure, of `make bench`, loads and attaches strip by itself. Here it only has to run: what it
measures under emulation means nothing."""

from mma import HERE, run

MEASURED = {"udp", "tcp4", "tcp6", "test_run", "syn_plain", "syn_on", "syn_off"}


def test_strip_measure():
    done = run([f"{HERE}/strip-measure", "2", "1", "0"], timeout=600)
    values = [line.split("\t") for line in done.out.splitlines() if line.count("\t") == 2]
    assert {what for what, variant, _ in values if variant == "strip"} >= MEASURED
