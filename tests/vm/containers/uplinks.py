# SPDX-License-Identifier: GPL-2.0-only
"""A host with two uplinks, and a client behind both providers. As on the Internet, neither
provider carries packets whose source is an address of the other."""

import contextlib

import mma
import network
from engines import example
from mma import run

FIRST, SECOND = "192.0.2.7", "203.0.113.7"
PROVIDERS = "providers"
ROUTES = """
    rule add fwmark 1 lookup 101
    route add default via 203.0.113.1 dev eth1 table 101
"""
NO_SPOOFING = """
    table inet providers {
        chain forward {
            type filter hook forward priority filter;
            iifname "i0" ip saddr != 192.0.2.0/24 drop
            iifname "i1" ip saddr != 203.0.113.0/24 drop
        }
    }
"""


def ip(words, netns=None):
    run(["ip", *(["-n", netns] if netns else []), "-batch", "-"], stdin=words)


def restore():
    """Restores both paths."""
    for n in "01":
        network.shape(f"eth{n}")
        network.shape(f"i{n}", PROVIDERS)


def cut_first():
    """Drops all packets on the first uplink, in both directions, without any notification."""
    network.shape("eth0", loss="loss 100%")
    network.shape("i0", PROVIDERS, "loss 100%")


@contextlib.contextmanager
def uplinks():
    for name in (PROVIDERS, network.NETNS):
        run(["ip", "netns", "add", name])
    try:
        ip(f"""
            link add eth0 type veth peer name i0 netns {PROVIDERS}
            link add eth1 type veth peer name i1 netns {PROVIDERS}
            addr add {FIRST}/24 dev eth0
            addr add {SECOND}/24 dev eth1
            link set eth0 up
            link set eth1 up
            route add default via 192.0.2.1 dev eth0
        """ + ROUTES)
        ip(f"""
            link add c type veth peer name c0 netns {network.NETNS}
            addr add 192.0.2.1/24 dev i0
            addr add 203.0.113.1/24 dev i1
            addr add 198.18.0.1/24 dev c
            link set i0 up
            link set i1 up
            link set c up
        """, PROVIDERS)
        ip("""
            addr add 198.18.0.2/24 dev c0
            link set lo up
            link set c0 up
            route add default via 198.18.0.1
            mptcp limits set subflows 1 add_addr_accepted 1
        """, network.NETNS)
        mma.sysctl("net.ipv4.ip_forward", 1, netns=PROVIDERS)
        run(["nft", "-f", "-"], stdin=NO_SPOOFING, netns=PROVIDERS)
        run(["nft", "-f", "-"], stdin=example("uplinks.nft"))
        restore()
        yield
    finally:
        run(["nft", "delete table inet uplinks"], check=False)
        run(["ip", "rule", "del", "fwmark", "1"], check=False)
        for name in ("eth0", "eth1"):
            run(["ip", "link", "del", name], check=False)
        for name in (PROVIDERS, network.NETNS):
            run(["ip", "netns", "del", name])
