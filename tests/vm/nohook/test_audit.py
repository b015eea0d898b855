# SPDX-License-Identifier: GPL-2.0-only
"""--audit on Linux 6.1, without the hook."""

from audit_cases import *  # noqa: F401,F403 (the tests)
