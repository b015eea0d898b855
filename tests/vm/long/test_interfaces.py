# SPDX-License-Identifier: GPL-2.0-only
"""A thousand interfaces: the kernel takes some 20 ms for each."""

from test_limits import many_interfaces


def test_a_thousand_interfaces(cgroup, net):
    many_interfaces(cgroup, net, 1000)
