# SPDX-License-Identifier: GPL-2.0-only
"""Which sockets become MPTCP, and which are as if this project were not there."""

import itertools
import socket

import pytest

from mma import MPTCP, TCP, attach, make_socket, so_protocol

FLAGS = [0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK]
FAMILIES = [socket.AF_INET, socket.AF_INET6]

pytestmark = pytest.mark.usefixtures("invariant")


def protocol(*args, **place):
    with make_socket(*args, **place) as sock:
        return so_protocol(sock)


def test_every_way_to_ask_for_tcp(cgroup):
    attach(cgroup)
    for family, flags, proto in itertools.product(FAMILIES, FLAGS, [0, TCP]):
        assert protocol(family, socket.SOCK_STREAM | flags, proto, cgroup=cgroup) == MPTCP, (family, flags, proto)
        assert protocol(family, socket.SOCK_STREAM | flags, proto) == TCP
