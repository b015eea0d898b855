# SPDX-License-Identifier: GPL-2.0-only
"""Sets up a WireGuard device over generic netlink: the guest has no wg(8)."""

import os
import socket
import struct

GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLA_F_NESTED = 0x8000
GET_DEVICE, SET_DEVICE = 0, 1
A_IFNAME, A_PRIVATE_KEY, A_PUBLIC_KEY, A_LISTEN_PORT, A_PEERS = 2, 3, 4, 6, 8
P_PUBLIC_KEY, P_ENDPOINT, P_ALLOWEDIPS = 1, 4, 9
I_FAMILY, I_ADDRESS, I_MASK = 1, 2, 3


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3fff] = data[4:size]
        data = data[size + 3 & ~3:]
    return found


def call(family, command, flags, payload):
    """Returns the attributes of the first answer; {} for a bare acknowledgement."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as sock:
        body = struct.pack("=BBxx", command, 1) + payload
        sock.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0) + body)
        data = sock.recv(65536)
    kind = struct.unpack_from("=IHH", data)[1]
    if kind == 2:
        error = -struct.unpack_from("=i", data, 16)[0]
        if error:
            raise OSError(error, os.strerror(error))
        return {}
    return attributes(data[20:struct.unpack_from("=I", data)[0]])


def family():
    found = call(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, attribute(CTRL_ATTR_FAMILY_NAME, b"wireguard\0"))
    return struct.unpack("=H", found[CTRL_ATTR_FAMILY_ID])[0]


def start(device, port):
    """Gives the device a key and a port; returns its public key."""
    name = attribute(A_IFNAME, device.encode() + b"\0")
    call(family(), SET_DEVICE, NLM_F_ACK, name + attribute(A_PRIVATE_KEY, os.urandom(32)) +
         attribute(A_LISTEN_PORT, struct.pack("=H", port)))
    return call(family(), GET_DEVICE, NLM_F_DUMP, name)[A_PUBLIC_KEY]


def add_peer(device, key, address, port):
    allowed = b"".join(
        attribute(NLA_F_NESTED, attribute(I_FAMILY, struct.pack("=H", f)) + attribute(I_ADDRESS, bytes(size)) +
                  attribute(I_MASK, b"\0"))
        for f, size in ((socket.AF_INET, 4), (socket.AF_INET6, 16)))
    endpoint = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(address) + bytes(8)
    peer = (attribute(P_PUBLIC_KEY, key) + attribute(P_ENDPOINT, endpoint) +
            attribute(P_ALLOWEDIPS | NLA_F_NESTED, allowed))
    call(family(), SET_DEVICE, NLM_F_ACK, attribute(A_IFNAME, device.encode() + b"\0") +
         attribute(A_PEERS | NLA_F_NESTED, attribute(NLA_F_NESTED, peer)))
