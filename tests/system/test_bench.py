# SPDX-License-Identifier: GPL-2.0-only
"""bench/page accepts a part's figures only in the declared form."""

import copy
import json
import os
import subprocess

import pytest

PAGE = os.path.join(os.path.dirname(__file__), "../../bench/page")
ROW = {"name": "a bystander", "value": 0.5, "unit": "× BCC's filter", "raw": "250 of 500", "spread": 0.01,
       "target": 0.6, "met": True}
PLOT = {"name": "growth", "title": "t", "xlabel": "x", "ylabel": "y", "logx": True,
        "series": [{"name": "s", "points": [[1, 250], [1000, 251.5]]}]}
PART = {"part": "socket", "title": "t", "how": "h", "kernel": "6.12", "rows": [ROW], "plots": [PLOT]}


def check(tmp_path, part):
    path = tmp_path / "socket.json"
    path.write_text(json.dumps(part))
    return subprocess.run([PAGE, "--check", path], capture_output=True, text=True, check=False)


def test_the_declared_form(tmp_path):
    done = check(tmp_path, PART)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("where, key, value, complaint", [
    ((), "rows", [], "no rows"),
    ((), "kernel", None, "kernel"),
    ((), "extra", 1, "unknown: extra"),
    (("rows", 0), "value", "0.5", "value"),
    (("rows", 0), "value", True, "value"),
    (("rows", 0), "met", None, "target and met go together"),
    (("rows", 0), "met", False, "missed, and no why"),
    (("rows", 0), "spread", None, "a target, and no spread"),
    (("plots", 0), "series", [], "no series"),
    (("plots", 0, "series", 0), "points", [[1]], "point [1]"),
])
def test_any_other_form(tmp_path, where, key, value, complaint):
    part = copy.deepcopy(PART)
    thing = part
    for step in where:
        thing = thing[step]
    thing[key] = value
    done = check(tmp_path, part)
    assert done.returncode == 1
    assert complaint in done.stderr
