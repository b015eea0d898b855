# SPDX-License-Identifier: GPL-2.0-only
"""--audit on a kernel that interprets BPF programs."""

from audit_cases import *  # noqa: F401,F403 (the tests)
