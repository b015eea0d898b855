# SPDX-License-Identifier: GPL-2.0-only
"""--check on this machine."""

import pytest

from check_cases import *  # noqa: F401,F403 (the tests)
from check_cases import check, failed, has_hook


def test_trampolines_refused():
    """This machine's own refusal, and not blamed on the hook or on our program."""
    if not has_hook():
        pytest.skip("this kernel has no hook")
    rc, lines = check()
    if lines["upgrade"][0] == "ok":
        pytest.skip("this machine allows BPF trampolines")
    assert rc == 3 and failed(lines) == {"upgrade"}
    assert "load refused (Operation not permitted), as is an empty fentry program" in lines["upgrade"][1]
    assert "trampolines" in lines["upgrade"][2]
    assert lines["hook"][0] == lines["follow"][0] == lines["tcx"][0] == lines["mptcp_state"][0] == "ok"
