# SPDX-License-Identifier: GPL-2.0-only
"""Native tests: they run on somebody's machine, so nothing here gets as far as the
lock, or attaches or detaches anything but an audit of a cgroup made for that."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "vm"))
pytest.register_assert_rewrite("audit_cases", "check_cases")
