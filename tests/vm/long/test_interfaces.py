# SPDX-License-Identifier: GPL-2.0-only
"""A thousand interfaces: the kernel takes some 20 ms for each."""

import pytest

import links
from mma import mma
from test_limits import many_interfaces
from test_robust import sixteen_at_once


FREED_WITHIN = 120  # a namespace with its thousand interfaces goes after `ip netns del` (cleanup_net), and they hold strip


def test_a_thousand_interfaces(cgroup, net):
    many_interfaces(cgroup, net, 1000)


@pytest.fixture
def expedite():
    """Grace periods of RCU that interrupt every processor, as with rcupdate.rcu_expedited=1 on the kernel's
    command line."""
    def write(value):
        with open("/sys/kernel/rcu_expedited", "w", encoding="ascii") as f:
            f.write(value)
    yield lambda: write("1")
    write("0")


def test_sixteen_at_once_and_a_thousand_interfaces(cgroup, net, expedite):
    """The README's remedy for hosts with that many: the kernel spends most of the time waiting."""
    links.batch(net.server, *(f"link add d{i} type dummy" for i in range(1000)))
    took = sixteen_at_once(cgroup, net)
    mma("--detach", check=True)
    expedite()
    assert sixteen_at_once(cgroup, net) < took * 2 / 3
