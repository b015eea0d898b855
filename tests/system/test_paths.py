# SPDX-License-Identifier: GPL-2.0-only
"""--check and what keeps a second path from coming up, on this machine."""

from path_cases import *  # noqa: F401,F403 (the tests)
