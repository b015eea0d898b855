# SPDX-License-Identifier: GPL-2.0-only
"""Native tests. They run on a user's machine, so no test here gets as far as the lock, and none
attaches or detaches anything, except an audit of a cgroup made for that."""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "vm"))
pytest.register_assert_rewrite("audit_cases", "check_cases", "path_cases")

# If pytest was started in the background of a shell or by nohup(1), these signals are ignored,
# here and in each program that a test starts; --audit respects that.
for _signal, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL),
                        (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_signal) == signal.SIG_IGN:
        signal.signal(_signal, _usual)
