# SPDX-License-Identifier: GPL-2.0-only
"""--audit on this machine, on a cgroup of the test's own."""

from audit_cases import *  # noqa: F401,F403 (the tests)
