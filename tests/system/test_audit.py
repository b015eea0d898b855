# SPDX-License-Identifier: GPL-2.0-only
"""--audit on this machine, on a cgroup of the test's own."""

import pytest

pytest.register_assert_rewrite("audit_cases")

from audit_cases import *  # noqa: E402,F401,F403 (the tests)
