# SPDX-License-Identifier: GPL-2.0-only
"""Two paths between the mail server (here) and a client (a network namespace), each with RATE and
DELAY in both directions. The first path has IPv4, the second the family given to `set_up`."""

import contextlib
import ctypes
import os
import socket
import subprocess

NETNS = "client"
RATE, DELAY = "20mbit", "5ms"  # of each path; DELAY in each direction
QUEUE = 100  # packets: 60 ms at RATE
SERVER, CLIENT = {1: "10.0.1.1", 2: "10.0.2.1"}, {1: "10.0.1.2", 2: "10.0.2.2"}
SERVER6, CLIENT6 = "fd00:2::1", "fd00:2::2"

_libc = ctypes.CDLL(None, use_errno=True)


def run(words, check=True):
    return subprocess.run(words.split(), check=check, capture_output=True, text=True)


def ip(words, netns=None):
    run(f"ip {f'-n {netns} ' if netns else ''}{words}")


def shape(device, netns=None, loss=""):
    run(f"tc {f'-n {netns} ' if netns else ''}qdisc replace dev {device} root "
        f"netem rate {RATE} delay {DELAY} limit {QUEUE} {loss}")


def set_up(second=socket.AF_INET):
    ip(f"netns add {NETNS}")
    for n in (1, 2):
        ip(f"link add s{n} type veth peer name c{n} netns {NETNS}")
        if n == 1 or second == socket.AF_INET:
            ip(f"address add {SERVER[n]}/24 dev s{n}")
            ip(f"address add {CLIENT[n]}/24 dev c{n}", NETNS)
        else:
            ip(f"address add {SERVER6}/64 dev s{n} nodad")
            ip(f"address add {CLIENT6}/64 dev c{n} nodad", NETNS)
        ip(f"link set s{n} up")
        ip(f"link set c{n} up", NETNS)
        shape(f"s{n}")
        shape(f"c{n}", NETNS)


def tear_down():
    run("ip mptcp endpoint flush")
    run(f"ip netns delete {NETNS}", check=False)
    for n in (1, 2):
        run(f"ip link delete s{n}", check=False)


def announce_second_path(second=socket.AF_INET):
    """What an administrator types: the server announces its second address, and the client
    connects to it."""
    ip("mptcp limits set subflows 1")
    ip(f"mptcp endpoint add {SERVER[2] if second == socket.AF_INET else SERVER6} dev s2 signal")
    ip("mptcp limits set subflows 1 add_addr_accepted 1", NETNS)


def cut_silently():
    """Drops all packets on the first path, in both directions, without any notification."""
    shape("s1", loss="loss 100%")
    shape("c1", NETNS, loss="loss 100%")


def cut_by_link_down():
    ip("link set c1 down", NETNS)


@contextlib.contextmanager
def in_client():
    """Sockets created in this context belong to the client's namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{NETNS}", os.O_RDONLY)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(home)
        os.close(there)


def _setns(fd):
    if _libc.setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")
