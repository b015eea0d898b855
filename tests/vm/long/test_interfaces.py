# SPDX-License-Identifier: GPL-2.0-only
"""A thousand interfaces: the kernel takes some 20 ms for each."""

from test_limits import many_interfaces
from test_robust import test_sixteen_at_once_and_many_interfaces as sixteen_at_once

FREED_WITHIN = 120  # a namespace with its thousand interfaces goes after `ip netns del` (cleanup_net), and they hold strip


def test_a_thousand_interfaces(cgroup, net):
    many_interfaces(cgroup, net, 1000)


def test_sixteen_at_once_and_a_thousand_interfaces(cgroup, net):
    sixteen_at_once(cgroup, net, 1000)
