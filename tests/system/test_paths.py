# SPDX-License-Identifier: GPL-2.0-only
"""--check and the causes that prevent a second path, on this machine."""

from path_cases import *  # noqa: F401,F403 (the tests)
