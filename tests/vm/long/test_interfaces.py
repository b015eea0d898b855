# SPDX-License-Identifier: GPL-2.0-only
"""A thousand interfaces: the kernel takes about 20 ms for each."""

import time

import pytest

import links
from mma import MPTCP, mma
from test_limits import many_interfaces
from test_robust import protocol, sixteen_at_once

FREED_WITHIN = 120  # cleanup_net() removes a thousand interfaces after `ip netns del`, and they hold strip


def test_a_thousand_interfaces(cgroup, net):
    many_interfaces(cgroup, net, 1000)


def test_sixteen_at_once_and_a_thousand_interfaces(cgroup, net):
    links.batch(net.server, *(f"link add d{i} type dummy" for i in range(1000)))
    sixteen_at_once(cgroup, net)


@pytest.fixture
def expedite():
    """Expedited RCU grace periods, which interrupt every processor, as with
    rcupdate.rcu_expedited=1 on the kernel's command line."""
    def write(value):
        with open("/sys/kernel/rcu_expedited", "w", encoding="ascii") as f:
            f.write(value)
    yield lambda: write("1")
    write("0")


def test_a_thousand_interfaces_expedited(cgroup, net, expedite):
    """The README's remedy for hosts with that many: the kernel spends most of the time waiting."""
    def attach():
        begin = time.monotonic()
        mma("--cgroup", cgroup, "--netns", f"/run/netns/{net.server}", check=True, timeout=300)
        took = time.monotonic() - begin
        print(f"{took:.1f} s")
        return took
    links.batch(net.server, *(f"link add d{i} type dummy" for i in range(1000)))
    took = attach()
    mma("--detach", check=True)
    expedite()
    assert attach() < took * 3 / 4
    assert protocol(cgroup=cgroup, netns=net.server) == MPTCP
