# SPDX-License-Identifier: GPL-2.0-only
"""A kernel booted with ipv6.disable=1: no AF_INET6 sockets at all; AF_INET works as usual."""

import errno
import socket

import pytest

from mma import MPTCP, attach, listen, make_socket, mma, map_dict, so_protocol, status, try_connection

pytestmark = pytest.mark.usefixtures("invariant")


def test_there_is_no_ipv6():
    with pytest.raises(OSError) as e:
        socket.socket(socket.AF_INET6)
    assert e.value.errno == errno.EAFNOSUPPORT


def test_ipv4_is_served(cgroup):
    assert mma("--cgroup", cgroup, "--port", "7001").rc == 0
    with listen(7001, cgroup=cgroup) as listener:
        assert so_protocol(listener) == MPTCP
        assert try_connection(listener, socket.socket(proto=MPTCP)) == (True, True)
    assert status()["armed"] is True


def test_ipv6_fails_as_without_us(cgroup):
    attach(cgroup)
    meta = map_dict("meta")[0]
    assert meta[2:4] == (1, 0), "the loader found IPv4 alone"
    with pytest.raises(OSError) as e:
        make_socket(socket.AF_INET6, cgroup=cgroup)
    assert e.value.errno == errno.EAFNOSUPPORT
