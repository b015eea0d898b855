# SPDX-License-Identifier: GPL-2.0-only
"""Links of every kind between a server's and a client's network namespace."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct

import mma
import wireguard

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


def batch(netns, *lines):
    mma.run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")


class Link:
    """devices: (server's, client's). addresses of each family: (server's, client's). Built on a
    veth pair s0 - c0, which some kinds use directly."""

    devices = ("s0", "c0")
    families = (socket.AF_INET, socket.AF_INET6)
    has_checksum_offload = True

    def __init__(self):
        self.net = mma.Net()
        self.server, self.client = self.net.server, self.net.client
        self.addresses = {socket.AF_INET: ("192.0.2.1", "192.0.2.2"),
                          socket.AF_INET6: ("2001:db8::1", "2001:db8::2")}
        self.make()

    def make(self):
        pass

    def remove(self):
        self.net.remove()

    def sides(self):
        return (("server", self.server, self.devices[0]), ("client", self.client, self.devices[1]))

    def number(self):
        """Assigns addresses to the devices above s0 and c0, and brings them up."""
        self.addresses = {socket.AF_INET: ("198.51.100.1", "198.51.100.2"),
                          socket.AF_INET6: ("2001:db8:1::1", "2001:db8:1::2")}
        for i, (_, netns, device) in enumerate(self.sides()):
            batch(netns, f"link set {device} up", f"addr add {self.addresses[socket.AF_INET][i]}/24 dev {device}",
                  f"addr add {self.addresses[socket.AF_INET6][i]}/64 dev {device} nodad")

    def set_offload(self, on):
        for netns, devices in ((self.server, {"s0", self.devices[0]}), (self.client, {"c0", self.devices[1]})):
            for device in devices:
                mma.run(["ethtool", "-K", device, "tx", "on" if on else "off"], netns=netns, check=False)


class Veth(Link):
    pass


class Vlan(Link):
    devices = ("s7", "c7")
    reorder = "on"

    def make(self):
        for netns, lower, device in ((self.server, "s0", "s7"), (self.client, "c0", "c7")):
            batch(netns, f"link add link {lower} name {device} type vlan id 7 reorder_hdr {self.reorder}")
        self.number()


class VlanInPacket(Vlan):
    """The VLAN tag stays in the packet, so the IP header starts at byte 18."""
    reorder = "off"

    def make(self):
        for netns, device in ((self.server, "s0"), (self.client, "c0")):
            mma.run(["ethtool", "-K", device, "txvlan", "off"], netns=netns)
        super().make()


class Bridge(Link):
    devices = ("br0", "c0")

    def make(self):
        batch(self.server, "addr flush dev s0", "link add br0 type bridge", "link set s0 master br0")
        batch(self.client, "addr flush dev c0")
        self.number()


class Bond(Link):
    devices = ("bond0", "c0")

    def make(self):
        batch(self.server, "addr flush dev s0", "link set s0 down", "link add bond0 type bond mode active-backup",
              "link set s0 master bond0")
        batch(self.client, "addr flush dev c0")
        self.number()


class Tunnel(Link):
    devices = ("t0", "t0")
    kind = None
    options = ""

    def make(self):
        for netns, local, remote in ((self.server, "192.0.2.1", "192.0.2.2"), (self.client, "192.0.2.2", "192.0.2.1")):
            batch(netns, f"link add t0 type {self.kind} local {local} remote {remote} {self.options}")
        self.number()


class Ipip(Tunnel):
    kind = "ipip"
    families = (socket.AF_INET,)


class Sit(Tunnel):
    kind = "sit"
    families = (socket.AF_INET6,)


class Gre(Tunnel):
    kind = "gre"


class WireGuard(Link):
    devices = ("wg0", "wg0")

    def make(self):
        for _, netns, device in self.sides():
            batch(netns, f"link add {device} type wireguard")
        keys = [mma.inside(wireguard.start, "wg0", 51820, netns=netns) for netns in (self.server, self.client)]
        for netns, key, remote in ((self.server, keys[1], "192.0.2.2"), (self.client, keys[0], "192.0.2.1")):
            mma.inside(wireguard.add_peer, "wg0", key, remote, 51820, netns=netns)
        self.number()


class Loopback(Link):
    devices = ("lo", "lo")
    has_checksum_offload = False

    def make(self):
        self.client = self.server
        self.addresses = {socket.AF_INET: ("127.0.0.1",) * 2, socket.AF_INET6: ("::1",) * 2}


def open_tun(name, netns):
    """A tun device, created in the namespace netns."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        socket.send_fds(there, [b"."], [fd])
    with here, there:
        mma.inside(make, netns=netns)
        return socket.recv_fds(here, 1, 1)[1][0]


class Tun(Link):
    """Two tun devices, and a process that carries the packets between them."""
    devices = ("tun0", "tun0")

    def make(self):
        mma.run(["modprobe", "tun"])
        self.fds = [open_tun("tun0", netns) for netns in (self.server, self.client)]
        self.number()
        self.pid, self.outcome = mma.fork(self._carry)

    def _carry(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        one, other = self.fds
        while True:
            for fd in select.select(self.fds, [], [])[0]:
                with contextlib.suppress(OSError):
                    os.write(other if fd == one else one, os.read(fd, 65536))

    def remove(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for fd in (*self.fds, self.outcome):
            os.close(fd)
        super().remove()


KINDS = {"veth": Veth, "vlan": Vlan, "vlan-in-packet": VlanInPacket, "bridge": Bridge, "bond": Bond, "ipip": Ipip,
         "sit": Sit, "gre": Gre, "wireguard": WireGuard, "tun": Tun, "lo": Loopback}


def available(kind):
    module = {"vlan": "8021q", "vlan-in-packet": "8021q", "bond": "bonding", "gre": "ip_gre", "lo": None,
              }.get(kind, kind)
    return module is None or mma.run(["modprobe", module], check=False).rc == 0
