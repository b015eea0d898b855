# SPDX-License-Identifier: GPL-2.0-only
"""--audit on Linux 6.1, without the hook."""

import pytest

pytest.register_assert_rewrite("audit_cases")

from audit_cases import *  # noqa: E402,F401,F403 (the tests)
